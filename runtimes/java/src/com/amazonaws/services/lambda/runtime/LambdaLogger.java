package com.amazonaws.services.lambda.runtime;

/** As `Context`. */
public interface LambdaLogger {
    void log(String message);
}
