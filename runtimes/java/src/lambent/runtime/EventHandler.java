package lambent.runtime;

/** A function's handler, whatever its form: an event's bytes in, an answer's bytes out. */
interface EventHandler {
    byte[] handle(byte[] body, InvocationContext context) throws Throwable;
}
