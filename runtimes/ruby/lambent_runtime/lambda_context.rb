# frozen_string_literal: true

require 'json'

# The handler's `context:`. AWS: "Using the Lambda context object to retrieve Ruby function information" in the
# developer guide; the name is the one that AWS's runtimes give it.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

  def initialize(headers)
    @clock_diff = now(Process::CLOCK_REALTIME) - now(Process::CLOCK_MONOTONIC)
    @deadline_ms = headers['lambda-runtime-deadline-ms'].to_i
    @aws_request_id = headers['lambda-runtime-aws-request-id']
    @invoked_function_arn = headers['lambda-runtime-invoked-function-arn']
    @tenant_id = headers['lambda-runtime-aws-tenant-id']
    @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    @identity = parsed(headers['lambda-runtime-cognito-identity'])
    @client_context = parsed(headers['lambda-runtime-client-context'])
  end

  # Not affected by a clock that is set while the handler runs.
  def get_remaining_time_in_millis
    [@deadline_ms - (now(Process::CLOCK_MONOTONIC) + @clock_diff), 0].max
  end

  private

  def now(clock)
    Process.clock_gettime(clock, :millisecond)
  end

  def parsed(header)
    JSON.parse(header) unless header.nil? || header.empty?
  end
end
