import { Buffer } from "node:buffer";
import {
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ServiceDefinition } from "@grpc/grpc-js";

/** A generated service as grpc-js takes it: paths, stream kinds and codecs of its methods. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => {
    const { methodKind } = method;
    return [method.name, {
      path: `/${service.typeName}/${method.name}`,
      requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
      responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
      ...codec("request", method.input),
      ...codec("response", method.output),
    }];
  })) as unknown as ServiceDefinition;
}

function codec<Schema extends DescMessage>(side: "request" | "response", schema: Schema) {
  return {
    [`${side}Serialize`]: (message: MessageShape<Schema>) => {
      const bytes = toBinary(schema, message);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    [`${side}Deserialize`]: (bytes: Uint8Array) => fromBinary(schema, bytes),
  };
}
