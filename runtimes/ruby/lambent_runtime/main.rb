# frozen_string_literal: true

require_relative 'api_client'
require_relative 'hand_over'

# Lambent's client of the Runtime API. Everything of it is inside this module: a function's own names are its own.
module LambentRuntime
  WRAPPED = '--wrapped'

  # From the start of the interpreter to the end of the last invocation. The function's code is not touched before the
  # listeners are handed over.
  def self.main
    # Read before the hand-over removes it: a generic environment learns later whose it is.
    waits = ENV.key?('LAMBENT_RESERVE')
    hand_over_listeners
    api = ApiClient.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
    start_wrapper
    require_relative 'runtime'
    runtime = Runtime.new(api)
    become_assigned(api) if waits
    $stdout.sync = true
    $stderr.sync = true
    runtime.run(ENV.fetch('_HANDLER', ''))
  end

  # AWS: AWS_LAMBDA_EXEC_WRAPPER is started with the runtime's own command line as its arguments. It replaces this
  # process and is expected to start the runtime again ("Modifying the runtime environment" in the developer guide). A
  # wrapper that cannot be started ends the environment with exit status 127, as a shell would.
  def self.start_wrapper
    wrapper = ENV.fetch('AWS_LAMBDA_EXEC_WRAPPER', '')
    return if wrapper.empty? || ARGV.include?(WRAPPED)

    telemetry = ENV['_LAMBDA_TELEMETRY_LOG_FD']&.to_i
    kept = telemetry ? { telemetry => telemetry } : {}
    begin
      exec([wrapper, wrapper], File.readlink('/proc/self/exe'), $PROGRAM_NAME, WRAPPED, **kept)
    rescue SystemCallError => e
      warn "#{wrapper}: #{e.message}"
      exit!(127)
    end
  end
  private_class_method :start_wrapper

  # Waits until this environment belongs to a function, then takes on its variables and its directory.
  def self.become_assigned(api)
    require 'json'
    variables = JSON.parse(api.assignment).fetch('environmentVariables')
    ENV.replace(variables)
    Dir.chdir(ENV.fetch('LAMBDA_TASK_ROOT', '/var/task'))
    # What the interpreter takes from these variables at its start.
    library = ENV.fetch('RUBYLIB', '').split(':').reject(&:empty?)
    $LOAD_PATH.unshift(*(library - $LOAD_PATH))
    Gem.clear_paths
  end
  private_class_method :become_assigned
end
