import { createPrivateKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "../ports/clock.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import { certificateId, selfSignedCertificate } from "./self-signed-certificate.ts";

const KEY = "topics/signing-key";
const KEY_BITS = 2_048;
const COMMON_NAME = "sns.lambent";
const VALID_MS = 20 * 365 * 86_400_000;
/** One signature is for all subscriptions: those of the last messages are remembered. */
const REMEMBERED_MAX = 256;
const DIGESTS = { "1": "sha1", "2": "sha256" } as const;

const makeKeyPair = promisify(generateKeyPair);

/** What a signature is about, by the names of the message's members. */
export type SignedMembers = Readonly<Record<string, string | undefined>>;

/** The members of a message that carry its signature. */
export interface NotificationSignature {
  readonly SignatureVersion: "1" | "2";
  readonly Signature: string;
  readonly SigningCertURL: string;
}

interface StoredKey {
  readonly schema: 1;
  readonly privateKey: string;
  readonly certificate: string;
}

interface SigningKey {
  readonly privateKey: KeyObject;
  readonly certificate: string;
  readonly path: string;
}

/**
 * Signs what SNS sends, as "Verifying the signatures of Amazon SNS messages" describes, with a key and a certificate of this
 * installation's own. They are made when they are first needed, and kept in the store.
 */
export class NotificationSigning {
  readonly #keyValue: KeyValueStore;
  readonly #clock: Clock;
  readonly #remembered = new Map<string, Promise<string>>();
  #key: Promise<SigningKey> | undefined;

  constructor({ keyValue, clock }: { readonly keyValue: KeyValueStore; readonly clock: Clock }) {
    this.#keyValue = keyValue;
    this.#clock = clock;
  }

  /** `host`: how clients reach this server. */
  async sign(
    members: SignedMembers,
    { version, host }: { readonly version: string | undefined; readonly host: string },
  ): Promise<NotificationSignature> {
    const SignatureVersion = version === "2" ? "2" : "1";
    const { privateKey, path } = await this.#signingKey();
    const text = textToSign(members);
    const name = `${SignatureVersion}\n${text}`;
    let signature = this.#remembered.get(name);
    if (signature === undefined) {
      signature = signed(DIGESTS[SignatureVersion], text, privateKey);
      this.#remembered.set(name, signature);
      const [oldest] = this.#remembered.keys();
      if (this.#remembered.size > REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
    }
    return { SignatureVersion, Signature: await signature, SigningCertURL: `http://${host}${path}` };
  }

  /** In PEM; undefined for any other path than the certificate's. */
  async certificateAt(path: string): Promise<string | undefined> {
    const key = await this.#signingKey();
    return key.path === path ? key.certificate : undefined;
  }

  #signingKey(): Promise<SigningKey> {
    this.#key ??= this.#open().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #open(): Promise<SigningKey> {
    const kept = (await this.#keyValue.get(KEY))?.value;
    const stored =
      kept === undefined ? await this.#make() : (JSON.parse(Buffer.from(kept).toString()) as StoredKey);
    const { privateKey, certificate } = stored;
    const path = `/SimpleNotificationService-${certificateId(certificate)}.pem`;
    return { privateKey: createPrivateKey(privateKey), certificate, path };
  }

  async #make(): Promise<StoredKey> {
    const { publicKey, privateKey } = await makeKeyPair("rsa", { modulusLength: KEY_BITS });
    const fromMs = this.#clock.nowMs();
    const stored: StoredKey = {
      schema: 1,
      privateKey: String(privateKey.export({ type: "pkcs8", format: "pem" })),
      certificate: selfSignedCertificate({
        commonName: COMMON_NAME,
        publicKey,
        privateKey,
        fromMs,
        untilMs: fromMs + VALID_MS,
      }),
    };
    try {
      await this.#keyValue.create(KEY, Buffer.from(JSON.stringify(stored)));
      return stored;
    } catch (error) {
      const other = error instanceof Conflict ? await this.#keyValue.get(KEY) : undefined;
      if (other === undefined) throw error;
      return JSON.parse(Buffer.from(other.value).toString()) as StoredKey;
    }
  }
}

/** AWS: names and values, each on a line of its own, in the order of the names; without what the message does not have. */
const textToSign = (members: SignedMembers): string =>
  Object.keys(members)
    .sort()
    .filter((name) => members[name] !== undefined)
    .map((name) => `${name}\n${members[name]}\n`)
    .join("");

/** On a thread of its own: the main one has other things to do for a millisecond. */
const signed = (digest: string, text: string, key: KeyObject): Promise<string> =>
  new Promise((resolve, reject) => {
    sign(digest, Buffer.from(text), key, (error, signature) =>
      error === null ? resolve(signature.toString("base64")) : reject(error),
    );
  });
