// Certificates of both ends: loaded before they are used, so that what is wrong with them is said.
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext } from "node:tls";
import type * as Grpc from "@grpc/grpc-js";
import { ControlError, messageOf } from "./errors.js";
import { clientOptions, type GrpcModule } from "./grpc.js";

/** PEM. */
export interface TlsFiles {
  /** The certificates that sign the other end's; on the server it makes client certificates compulsory. */
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

function check({ ca, cert, key }: TlsFiles, where: string): void {
  if ((cert === undefined) !== (key === undefined))
    throw new ControlError("ERR_CONTROL_SECURITY", `${where} has a certificate without its key, or a key without its certificate`, {
      hint: "give --tls-cert and --tls-key together",
    });
  for (const [what, load] of [
    ["certificate authority", () => ca && new X509Certificate(ca)],
    ["certificate and its key", () => createSecureContext({ cert, key })],
  ] as const) {
    try {
      load();
    } catch (cause) {
      throw new ControlError("ERR_CONTROL_SECURITY", `the ${what} of ${where} cannot be loaded (${messageOf(cause)})`, { cause, hint: "PEM files are needed" });
    }
  }
}

/** @throws ControlError ERR_CONTROL_SECURITY */
export function serverTls(grpc: GrpcModule, tls: TlsFiles | undefined): Grpc.ServerCredentials {
  if (!tls) return grpc.ServerCredentials.createInsecure();
  check(tls, "the coordinator");
  const { ca, cert, key } = tls;
  if (!cert || !key)
    throw new ControlError("ERR_CONTROL_SECURITY", "the coordinator needs a certificate and its key for TLS", { hint: "give --tls-cert and --tls-key" });
  return grpc.ServerCredentials.createSsl(ca ?? null, [{ cert_chain: cert, private_key: key }], ca !== undefined);
}

/** Credentials and options of a channel to a host. @throws ControlError ERR_CONTROL_SECURITY */
export function clientTls(grpc: GrpcModule, tls: TlsFiles | undefined, host: string): [Grpc.ChannelCredentials, Grpc.ClientOptions] {
  if (!tls) return [grpc.credentials.createInsecure(), clientOptions];
  check(tls, "this host");
  const files = [tls.ca ?? null, tls.key ?? null, tls.cert ?? null] as const;
  if (isIP(host) === 0) return [grpc.credentials.createSsl(...files), clientOptions];
  // TLS has no server names that are addresses: another name is sent, and the certificate compared with the address.
  const credentials = grpc.credentials.createSsl(...files, { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) });
  return [credentials, { ...clientOptions, "grpc.ssl_target_name_override": "coordinator.accelerate-ts.invalid" }];
}
