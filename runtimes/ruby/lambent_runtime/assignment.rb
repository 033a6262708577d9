# frozen_string_literal: true

require 'json'
require_relative 'api_client'
require_relative 'runtime'

module LambentRuntime
  # How an environment kept in reserve gets ready, and becomes the function that it will serve.
  module Assignment
    ROUNDS = 20
    EVENT = '{"rehearsal":true,"list":[1,2.5,null],"text":"\u00e9"}'
    SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n"
    # An event as channel.rb takes it: length and kind, deadline, the lengths of id, ARN, trace and client context.
    FRAME = ([18 + EVENT.bytesize, 1, 0.0, 1, 0, 0, 0].pack('NCGCnnN') << '0' << EVENT).freeze
    REHEARSAL = File.join(__dir__, 'rehearsal')
    private_constant :EVENT, :SWITCHING, :FRAME, :REHEARSAL

    class << self
      # Plays through what will be done for the function, so that its first invocation finds everything loaded and every
      # call looked up. `rounds`: one is enough where that has been done before the fork, to own the memory written to.
      def rehearse(rounds = ROUNDS)
        api, platform = rehearsal_client
        platform.write(SWITCHING)
        handler = rehearse_loading
        rounds.times do
          platform.write(FRAME)
          rehearse_invocation(api, handler)
          platform.readpartial(65_536)
        end
        api.close
        platform.close
        Object.__send__(:remove_const, :LambentRehearsal)
      end

      # Becomes what a process started for the function would be: the variables are the function's and nothing else, and
      # the directory the one that shows its code since. Answers whether it could. What was forked has rehearsed before;
      # where nobody wants it at once it does so once more, to own the memory that it will write to.
      def take(api, forked)
        get_ready = -> { rehearse(1) if forked }
        api.assignment(get_ready) { |told| ENV.replace(JSON.parse(told).fetch('environmentVariables')) }
        Dir.chdir(ENV.fetch('LAMBDA_TASK_ROOT', '/var/task'))
        # What the interpreter takes from these variables at its start.
        library = ENV.fetch('RUBYLIB', '').split(':').reject(&:empty?)
        $LOAD_PATH.unshift(*(library - $LOAD_PATH))
        forget_home
        gems_as_started?
      end

      private

      # What RubyGems has found out about the user and the places of gems, of which the former may have been another one
      # when the interpreter started.
      def forget_home
        Gem.clear_paths
        found = Gem.instance_variables & %i[@data_home @config_home @config_file @cache_home @state_home @user_dir]
        found.each { |name| Gem.remove_instance_variable(name) }
      end

      # A process that is started for the function loads the newest version of each gem that the client needs. Where
      # package or layers bring one, that is another one than what this process has loaded before it saw them.
      def gems_as_started?
        loaded = Gem.loaded_specs.keys
        return true if loaded.empty?

        brought = /\A(?:#{Regexp.union(loaded).source})-\d[^-]*(?:-.*)?\.gemspec\z/
        ENV.fetch('GEM_PATH', '').split(':').none? do |directory|
          Dir.children(File.join(directory, 'specifications')).any? { |file| file.match?(brought) }
        rescue SystemCallError
          false
        end
      end

      def rehearsal_client
        ours, theirs = UNIXSocket.pair
        [ours, theirs].each { |socket| socket.sync = true }
        [ApiClient.new('127.0.0.1:0', ours), theirs]
      end

      def rehearse_loading
        $LOAD_PATH.unshift(REHEARSAL)
        handler = Handler.load('lambent_rehearsal.LambentRehearsal.handler')
        $LOAD_PATH.delete(REHEARSAL)
        $LOADED_FEATURES.reject! { |file| file.start_with?(REHEARSAL) }
        handler
      end

      def rehearse_invocation(api, handler)
        headers, body = api.next_event
        event = Marshaller.event(body, headers.fetch('content-type', 'application/json'))
        result, type = Marshaller.result(handler.call(event: event, context: LambdaContext.new(headers)))
        api.post_response('0', result, type)
      end
    end
  end
end
