package com.amazonaws.services.lambda.runtime;

/** As `Context`. */
public interface RequestHandler<I, O> {
    O handleRequest(I input, Context context);
}
