/** Cuts text into its whole lines; what follows the last line feed is dropped (a killed writer's half line). */
export class TextLineStream extends TransformStream<string, string> {
  constructor() {
    let partial = "";
    super({
      transform(chunk, controller) {
        const lines = (partial + chunk).split("\n");
        partial = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}
