# frozen_string_literal: true

require 'socket'

module LambentRuntime
  CHANNEL_FD = 3
  BACKLOG = 511
  private_constant :CHANNEL_FD, :BACKLOG

  # Opens the ports of LAMBENT_LISTEN ("runtime-api=9001,aws-endpoint=4566") on the sandbox's own loopback interface and
  # sends each over file descriptor 3 the way a Node.js child sends a server: one JSON line with the descriptor attached,
  # acknowledged before the next is sent. The platform closes the channel when it holds them all. Where
  # LAMBENT_LISTEN is empty they have been opened already. Afterwards neither the variables nor the descriptor remain.
  def self.hand_over_listeners
    wanted = ENV['LAMBENT_LISTEN']
    if wanted
      channel = UNIXSocket.for_fd(CHANNEL_FD)
      wanted.split(',').each do |entry|
        listener, port = entry.split('=')
        give_listener(channel, listener, Integer(port))
      end
      nil while next_line(channel)
      channel.close
    end
    ENV.delete_if { |name, _| name.start_with?('LAMBENT_', 'NODE_CHANNEL_') }
  end

  def self.give_listener(channel, listener, port)
    server = Socket.new(:INET, :STREAM)
    server.setsockopt(:SOCKET, :REUSEADDR, true)
    server.bind(Addrinfo.tcp('127.0.0.1', port))
    server.listen(BACKLOG)
    message = %({"cmd":"NODE_HANDLE","type":"net.Server","msg":{"listener":"#{listener}"}}\n)
    channel.sendmsg(message, 0, nil, Socket::AncillaryData.unix_rights(server))
    # Only the platform may accept connections: our copy goes.
    server.close
    line = next_line(channel) until line&.include?('"NODE_HANDLE_ACK"')
  end
  private_class_method :give_listener

  # nil when the other side has closed the channel.
  def self.next_line(channel)
    channel.gets
  rescue Errno::ECONNRESET
    nil
  end
  private_class_method :next_line
end
