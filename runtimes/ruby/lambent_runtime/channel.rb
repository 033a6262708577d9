# frozen_string_literal: true

module LambentRuntime
  # The Runtime API in frames, over a connection that has been upgraded: one write for an answer and the request for the
  # next event together, and no acknowledgement of it.
  class Channel
    HEADER = 'NC'
    HEADER_BYTES = 5
    # The deadline, then the lengths of id, ARN, trace header and client context.
    EVENT = 'GCnnN'
    EVENT_BYTES = 17
    NAMES = %w[
      lambda-runtime-aws-request-id lambda-runtime-invoked-function-arn lambda-runtime-trace-id
      lambda-runtime-client-context
    ].freeze
    # Kinds of frames, as runtimes/README.md has them.
    NEXT = 1
    RESPONSE = 2
    ERROR = 3
    # Added to the kind of an answer that asks for the next event as well.
    AND_NEXT = 2
    FROM_PLATFORM_EVENT = 1
    FROM_PLATFORM_ACCEPTED = 2
    TYPE_BYTES_MAX = 1024
    private_constant(*constants(false))

    # `asked`: the request for an event is on its way.
    def initialize(connection, asked:)
      @connection = connection
      @asked = asked
      @between_frames = true
    end

    # Waits for the next event; answers its headers and body, or nil and what the platform refuses: status and text.
    # Where the connection breaks, another one may be tried if nothing has been received.
    def next_event
      unless @asked
        @connection.write([0, NEXT].pack(HEADER))
        @asked = true
      end
      kind, frame = read_frame
      return [nil, frame.unpack1('n'), frame.byteslice(2..)] unless kind == FROM_PLATFORM_EVENT

      @asked = false
      event(frame)
    end

    # Nothing of a frame has arrived yet.
    def between_frames? = @between_frames

    # Posts the result, and asks for the next event.
    def post_response(request_id, body)
      answer(RESPONSE, short_text(request_id), body, and_next: true)
    end

    # Posts the error, and asks for the next event, or waits until it is accepted.
    def post_error(request_id, body, error_type, and_next:)
      type = error_type.b.byteslice(0, TYPE_BYTES_MAX)
      answer(ERROR, short_text(request_id) << [type.bytesize].pack('n') << type, body, and_next: and_next)
    end

    def close
      @connection.close
    end

    private

    def answer(kind, prefix, body, and_next:)
      length = prefix.bytesize + body.bytesize
      head = [length, and_next ? kind + AND_NEXT : kind].pack(HEADER) << prefix
      @connection.write(head, body)
      @asked = and_next
      return if and_next

      kind, frame = read_frame
      raise RuntimeApiError, frame.byteslice(2..).scrub unless kind == FROM_PLATFORM_ACCEPTED
    end

    def read_frame
      length, kind = take(HEADER_BYTES).unpack(HEADER)
      @between_frames = false
      frame = length.zero? ? ''.b : take(length)
      @between_frames = true
      [kind, frame]
    end

    def take(length)
      bytes = @connection.read(length)
      raise EOFError, 'The Runtime API closed the connection.' if bytes.nil? || bytes.bytesize < length

      bytes
    end

    def short_text(text)
      [text.bytesize].pack('C') << text.b
    end

    def event(frame)
      deadline, *lengths = frame.unpack(EVENT)
      headers = { 'lambda-runtime-deadline-ms' => deadline.to_i, 'content-type' => 'application/json' }
      at = EVENT_BYTES
      NAMES.each_with_index do |name, index|
        length = lengths[index]
        next if length.zero?

        headers[name] = frame.byteslice(at, length).force_encoding(Encoding::UTF_8)
        at += length
      end
      [headers, frame.byteslice(at..)]
    end
  end
end
