# frozen_string_literal: true

require 'socket'
require_relative 'channel'

module LambentRuntime
  # The platform refused a request; the environment cannot go on.
  class RuntimeApiError < StandardError; end

  # The Runtime API over one kept-alive connection, in frames (`Channel`) from the first request for an event on, where
  # the platform takes that offer. Each request is sent in a single write. Waiting for an event has no time limit. A
  # kept-alive connection that was closed before it answered is opened again once, as HTTP clients do.
  class ApiClient
    BASE = '/2018-06-01/runtime'
    CHANNEL = 'lambent-channel'
    # An assignment that comes within this time was waited for.
    SOON_SECONDS = 0.1
    private_constant :SOON_SECONDS

    def initialize(address, connection = nil)
      @host, _, @port = address.rpartition(':')
      @connection = connection
      @channel = nil
      @offers_channel = true
    end

    # Waits until a generic environment gets its function. Yields what it is told, JSON, as soon as that is known; the
    # last byte of the answer says that the function's code is there too. `get_ready` is called when it has waited for a
    # moment.
    def assignment(get_ready)
      status, headers, rest = exchange('GET', '/lambent/assignment', nil, 'Upgrade' => CHANNEL) do
        get_ready.call unless IO.select([@connection], nil, nil, SOON_SECONDS)
        status, headers = read_head
        length = status == 200 ? headers['content-length'].to_i : 0
        next [status, headers, read_body(headers)] if length.zero?

        yield take(length - 1).force_encoding(Encoding::UTF_8)
        take(1)
        [status, headers, nil]
      end
      raise unexpected('assignment', status, rest) unless status == 200

      yield rest.force_encoding(Encoding::UTF_8) if rest
      go_on_in_frames(asked: false) if headers['upgrade'] == CHANNEL
    end

    # Waits for the next event; answers its headers, by their names in lower case, and its body.
    def next_event
      while @channel || (@offers_channel && open_channel)
        headers, *rest = next_in_frames
        next if @channel.nil?
        raise unexpected('next', *rest) if headers.nil?

        return [headers, rest.first]
      end
      status, headers, body = exchange('GET', "#{BASE}/invocation/next")
      raise unexpected('next', status, body) unless status == 200

      [headers, body]
    end

    # Posts the result; in frames, which have no place for the content type, it asks for the next event as well.
    def post_response(request_id, body, content_type)
      return if in_frames { |channel| channel.post_response(request_id, body) }

      path = "#{BASE}/invocation/#{request_id}/response"
      status, _, answer = exchange('POST', path, body, 'Content-Type' => content_type)
      # 413: the platform has told the caller about the oversized response itself; this environment goes on.
      raise unexpected('response', status, answer) unless [202, 413].include?(status)
    end

    # `and_next`: this process goes on with the next event.
    def post_error(request_id, body, error_type, and_next: true)
      return if in_frames { |channel| channel.post_error(request_id, body, error_type, and_next: and_next) }

      post_failure("#{BASE}/invocation/#{request_id}/error", body, error_type)
    end

    # The error that ended the initialisation.
    def post_init_error(body, error_type)
      post_failure("#{BASE}/init/error", body, error_type)
    end

    # Ends the connection.
    def close
      (@channel || @connection)&.close
      @channel = @connection = nil
    end

    private

    # The channel's answer; nil, without a channel, where it broke before it had one.
    def next_in_frames
      @channel.next_event
    rescue SystemCallError, IOError
      may_retry = @channel.between_frames?
      @channel.close
      @channel = nil
      raise unless may_retry
    end

    # False where there is no channel, or it broke: what was to be sent goes over HTTP.
    def in_frames
      return false if @channel.nil?

      yield @channel
      true
    rescue SystemCallError, IOError
      @channel.close
      @channel = nil
      false
    end

    # Asks for frames, and for the first event with them: the answer comes when there is one.
    def open_channel
      status, = exchange('GET', '/lambent/channel', nil, 'Connection' => 'Upgrade', 'Upgrade' => CHANNEL)
      @offers_channel = status == 101
      go_on_in_frames(asked: true) if @offers_channel
      @offers_channel
    end

    def go_on_in_frames(asked:)
      @channel = Channel.new(@connection, asked: asked)
      @connection = nil
    end

    def post_failure(path, body, error_type)
      headers = { 'Content-Type' => 'application/json', 'Lambda-Runtime-Function-Error-Type' => error_type }
      status, _, answer = exchange('POST', path, body, headers)
      raise unexpected(path, status, answer) unless status == 202
    end

    def exchange(method, path, body = nil, headers = {})
      lines = ["#{method} #{path} HTTP/1.1", "Host: #{@host}"]
      lines += headers.map { |name, value| "#{name}: #{value}" }
      lines << "Content-Length: #{body.bytesize}" if body
      request = "#{lines.join("\r\n")}\r\n\r\n".b << body.to_s.b
      may_retry = !@connection.nil?
      begin
        @connection ||= connect
        @connection.write(request)
        block_given? ? yield : read_response
      rescue SystemCallError, IOError
        @connection&.close
        @connection = nil
        raise unless may_retry

        may_retry = false
        retry
      end
    end

    def connect
      connection = TCPSocket.new(@host, @port)
      connection.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      connection.binmode
      connection.sync = true
      connection
    end

    def read_response
      status, headers = read_head
      [status, headers, read_body(headers)]
    end

    def read_head
      status = line.split(' ', 3).fetch(1).to_i
      headers = {}
      until (text = line).empty?
        name, _, value = text.partition(':')
        headers[name.downcase] = value.strip
      end
      [status, headers]
    end

    def read_body(headers)
      headers['transfer-encoding'] == 'chunked' ? read_chunks : take(headers['content-length'].to_i)
    end

    # Headers are UTF-8, as AWS sends the client context; anything else is taken byte by byte.
    def line
      text = @connection.gets("\r\n", chomp: true)
      raise EOFError, 'The Runtime API closed the connection.' if text.nil?

      text.force_encoding(Encoding::UTF_8)
      text.valid_encoding? ? text : text.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
    end

    def read_chunks
      body = String.new
      loop do
        size = line.split(';').first.to_i(16)
        part = take(size + 2)
        return body if size.zero?

        body << part.byteslice(0, size)
      end
    end

    def take(length)
      body = @connection.read(length) || ''.b
      raise EOFError, 'The Runtime API closed the connection.' if body.bytesize < length

      body
    end

    def unexpected(what, status, body)
      RuntimeApiError.new("The Runtime API answered #{status} to \"#{what}\": #{body.to_s.scrub}")
    end
  end
end
