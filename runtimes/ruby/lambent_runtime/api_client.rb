# frozen_string_literal: true

require 'socket'

module LambentRuntime
  # The platform refused a request; the environment cannot go on.
  class RuntimeApiError < StandardError; end

  # The Runtime API over one kept-alive connection. Each request is sent in a single write. Waiting for an event has no
  # time limit. A kept-alive connection that was closed before it answered is opened again once, as HTTP clients do.
  class ApiClient
    BASE = '/2018-06-01/runtime'

    def initialize(address)
      @host, _, @port = address.rpartition(':')
      @connection = nil
    end

    # The environment of the function that a generic environment is given to, as JSON; waits for it.
    def assignment
      status, _, body = exchange('GET', '/lambent/assignment')
      raise unexpected('assignment', status, body) unless status == 200

      body.force_encoding(Encoding::UTF_8)
    end

    # Waits for the next event; answers its headers, by their names in lower case, and its body.
    def next_event
      status, headers, body = exchange('GET', "#{BASE}/invocation/next")
      raise unexpected('next', status, body) unless status == 200

      [headers, body]
    end

    def post_response(request_id, body, content_type)
      path = "#{BASE}/invocation/#{request_id}/response"
      status, _, answer = exchange('POST', path, body, 'Content-Type' => content_type)
      # 413: the platform has told the caller about the oversized response itself; this environment goes on.
      raise unexpected('response', status, answer) unless [202, 413].include?(status)
    end

    def post_error(request_id, body, error_type)
      post_failure("#{BASE}/invocation/#{request_id}/error", body, error_type)
    end

    # The error that ended the initialisation.
    def post_init_error(body, error_type)
      post_failure("#{BASE}/init/error", body, error_type)
    end

    private

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
        read_response
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
      status = line.split(' ', 3).fetch(1).to_i
      headers = {}
      until (text = line).empty?
        name, _, value = text.partition(':')
        headers[name.downcase] = value.strip
      end
      body = headers['transfer-encoding'] == 'chunked' ? read_chunks : take(headers['content-length'].to_i)
      [status, headers, body]
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
