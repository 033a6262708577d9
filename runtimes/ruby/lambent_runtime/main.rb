# frozen_string_literal: true

require_relative 'api_client'
require_relative 'hand_over'

# Lambent's client of the Runtime API. Everything of it is inside this module: a function's own names are its own.
module LambentRuntime
  WRAPPED = '--wrapped'

  # From the start of the interpreter to the end of the last invocation. The function's code is not touched before the
  # listeners are handed over.
  def self.main
    # Read before the hand-over removes them: a generic environment learns later whose it is.
    waits = ENV.key?('LAMBENT_RESERVE')
    forked = ENV.key?('LAMBENT_ZYGOTE')
    fork_for_sandboxes if forked
    hand_over_listeners
    api = ApiClient.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
    start_wrapper
    require_relative 'runtime'
    descriptor = ENV.fetch('_LAMBDA_TELEMETRY_LOG_FD', nil)
    runtime = Runtime.new(api)
    become_assigned(api, descriptor, forked) if waits
    $stdout.sync = true
    $stderr.sync = true
    read_as_lang_says
    runtime.run(ENV.fetch('_HANDLER', ''))
  end

  # AWS: ruby3.2 runs on an Amazon Linux that has the locale which LANG names, and reads files as UTF-8 therefore; ruby3.3
  # and later ones run on one that has it not, and read them as US-ASCII, as Ruby does by itself where it is missing.
  def self.read_as_lang_says
    return unless ENV['AWS_EXECUTION_ENV'] == 'AWS_Lambda_ruby3.2' && ENV.fetch('LANG', '').match?(/utf-?8\z/i)

    Encoding.default_external = Encoding::UTF_8
  end
  private_class_method :read_as_lang_says

  # Returns in children of this process, each in a sandbox of its own, where all that is needed has been loaded.
  def self.fork_for_sandboxes
    require_relative 'assignment'
    require_relative 'zygote'
    Assignment.rehearse
    Zygote.serve
    %i[Zygote SandboxEntrance SystemCalls].each { |name| remove_const(name) }
    own = %w[zygote sandbox_entrance system_calls].map { |name| File.join(__dir__, "#{name}.rb") }
    $LOADED_FEATURES.reject! { |file| own.include?(file) }
  end
  private_class_method :fork_for_sandboxes

  # AWS: AWS_LAMBDA_EXEC_WRAPPER is started with the runtime's own command line as its arguments. It replaces this
  # process and is expected to start the runtime again ("Modifying the runtime environment" in the developer guide). A
  # wrapper that cannot be started ends the environment with exit status 127, as a shell would.
  def self.start_wrapper
    wrapper = ENV.fetch('AWS_LAMBDA_EXEC_WRAPPER', '')
    return if wrapper.empty? || ARGV.include?(WRAPPED)

    start_again([wrapper, wrapper], File.readlink('/proc/self/exe'))
  end
  private_class_method :start_wrapper

  # This process becomes that command, with the program's own file and the word that tells it that it is started again.
  def self.start_again(*command)
    telemetry = ENV['_LAMBDA_TELEMETRY_LOG_FD']&.to_i
    kept = telemetry ? { telemetry => telemetry } : {}
    exec(*command, $PROGRAM_NAME, WRAPPED, **kept)
  rescue SystemCallError => e
    warn "#{command.flatten.first}: #{e.message}"
    exit!(127)
  end
  private_class_method :start_again

  # Waits until this environment belongs to a function, then takes on its variables and its directory.
  def self.become_assigned(api, telemetry_descriptor, forked)
    require_relative 'assignment'
    Assignment.rehearse unless forked
    as_started = Assignment.take(api, forked)
    unless as_started
      api.close
      ENV['_LAMBDA_TELEMETRY_LOG_FD'] = telemetry_descriptor
      interpreter = File.readlink('/proc/self/exe')
      start_again([interpreter, interpreter])
    end
    LambentRuntime.send(:remove_const, :Assignment)
    $LOADED_FEATURES.delete(File.join(__dir__, 'assignment.rb'))
  end
  private_class_method :become_assigned
end
