package com.amazonaws.services.lambda.runtime;

/** Some of what aws-lambda-java-core has under this name: for the warm-up's function, which brings it as functions do. */
public interface Context {
    String getAwsRequestId();

    String getFunctionName();

    int getRemainingTimeInMillis();

    LambdaLogger getLogger();
}
