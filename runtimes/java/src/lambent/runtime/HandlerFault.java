package lambent.runtime;

/** A failure for which AWS's client has a text of its own. */
final class HandlerFault extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String errorType;
    private final boolean fatal;

    private HandlerFault(String message, String errorType, Throwable cause, boolean fatal) {
        // Without a stack trace: it would show this client only.
        super(message, cause, false, false);
        this.errorType = errorType;
        this.fatal = fatal;
    }

    /** Told for every event. */
    static HandlerFault of(String message) {
        return new HandlerFault(message, null, null, false);
    }

    static HandlerFault of(String message, Throwable cause) {
        return new HandlerFault(message, cause.getClass().getName(), cause, false);
    }

    static HandlerFault ofException(String message) {
        return new HandlerFault(message, Exception.class.getName(), new Exception(message), false);
    }

    /** Ends the initialisation. */
    static HandlerFault fatal(String message, Throwable cause) {
        return new HandlerFault(message, cause.getClass().getName(), cause, true);
    }

    /** Null where AWS's client names none. */
    String errorType() {
        return errorType;
    }

    boolean isFatal() {
        return fatal;
    }
}
