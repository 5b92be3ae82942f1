/** Whether two texts are the same decimal number, trailing zeros aside: `61250.10` and `61250.1`. */
export function sameDecimal(a: string, b: string): boolean {
  return canonical(a) !== undefined && canonical(a) === canonical(b);
}

function canonical(text: string): string | undefined {
  const match = /^(-?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text.trim());
  return match === null ? undefined : `${match[1]}${match[2]}.${match[3] ?? ""}`;
}
