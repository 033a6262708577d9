import { type DestinationStream, pino } from "pino";
import type { Logger } from "../../ports/logger.ts";
import { readableLine } from "./readable-line.ts";

export interface PinoLoggerSettings {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** Lines for a person instead of JSON. */
  readonly readable: boolean;
  /** Takes one line with its newline; standard error unless told otherwise, because standard output is the banner's. */
  readonly write?: (line: string) => void;
}

/** Structured log of the platform on standard error. */
export function createPinoLogger(settings: PinoLoggerSettings): Logger {
  const write = settings.write ?? ((line: string) => void process.stderr.write(line));
  const destination: DestinationStream = settings.readable
    ? { write: (line) => write(readableLine(line)) }
    : { write };
  const log = pino({ level: settings.level, base: { name: "lambent" } }, destination);
  return {
    debug: (message, fields) => log.debug(fields ?? {}, message),
    info: (message, fields) => log.info(fields ?? {}, message),
    warn: (message, fields) => log.warn(fields ?? {}, message),
    error: (message, fields) => log.error(fields ?? {}, message),
  };
}
