# frozen_string_literal: true

require 'json'
require 'socket'
require_relative 'sandbox_entrance'
require_relative 'system_calls'

module LambentRuntime
  # The process that the waiting programs of sandboxes are forked from, instead of each starting an interpreter; see "As a
  # zygote" in runtimes/README.md. It runs outside of every sandbox, as root, in a file system that looks like a
  # sandbox's, and never sees anything of a function.
  class Zygote
    CONTROL_FD = 3
    NEWPID = 0x20000000
    private_constant :CONTROL_FD, :NEWPID

    # Takes orders until the platform is gone; returns in each child, when it is inside its sandbox.
    def self.serve
      new.serve
    end

    def initialize
      @control = UNIXSocket.for_fd(SystemCalls.duplicate(CONTROL_FD))
      # Where children have their channel nothing else may come to lie.
      SystemCalls.replace(CONTROL_FD, File::NULL)
      @received = +''
      @children = {}
      @own_namespace = File.open('/proc/self/ns/pid')
      @wake_read, @wake_write = IO.pipe
    end

    def serve
      @entrance = SandboxEntrance.new(JSON.parse(next_line))
      previous = trap('CHLD') { @wake_write.write_nonblock('.', exception: false) }
      rest
      answer(ready: true, sharedBytes: own_memory_bytes)
      order = take_orders until order
      trap('CHLD', previous || 'DEFAULT')
      close
      @entrance.enter(order)
    end

    private

    # Objects that have survived this are not looked at again by most collections, so that they are shared for good.
    def rest
      4.times { GC.start }
    end

    # The order that this process is the child of; nil in the zygote, after one round.
    def take_orders
      readable, = IO.select([@control, @wake_read])
      if readable.include?(@wake_read)
        @wake_read.read_nonblock(4096, exception: false)
        tell_ends
      end
      return unless readable.include?(@control)

      receive
      while (line = @received.slice!(/\A.*\n/))
        order = JSON.parse(line)
        if order.key?('terminate') then terminate(order['terminate'])
        elsif fork_for(order) then return order
        end
      end
    end

    def next_line
      receive until @received.include?("\n")
      @received.slice!(/\A.*\n/)
    end

    # Ends this process when the platform is gone.
    def receive
      @received << @control.readpartial(65_536)
    rescue EOFError, SystemCallError
      exit!(0)
    end

    def answer(message)
      @control.write("#{JSON.generate(message)}\n")
    end

    # True in the child, which is in the sandbox's namespace of processes, and in nothing else of it yet.
    def fork_for(order)
      name = order['fork']
      holder = SystemCalls.open_process(order['holder'])
      # The number may belong to another process by now: that one is in another group.
      belongs = File.read("/proc/#{order['holder']}/cgroup").include?("/#{order['group']}\n")
      raise Errno::ESRCH, 'the sandbox is gone' unless belongs

      process = fork_into(holder)
      if process.nil?
        order['holderFd'] = holder
        return true
      end
      SystemCalls.close(holder)
      @children[process] = name
      answer(forked: name, processId: process)
      false
    rescue SystemCallError => e
      SystemCalls.close(holder) if holder
      answer(failed: name, reason: e.message)
      false
    end

    # nil in the child.
    def fork_into(holder)
      SystemCalls.enter(holder, NEWPID)
      begin
        process = fork
      rescue SystemCallError
        SystemCalls.enter(@own_namespace.fileno, NEWPID)
        raise
      end
      SystemCalls.enter(@own_namespace.fileno, NEWPID) if process
      process
    end

    def tell_ends
      while (process, status = Process.waitpid2(-1, Process::WNOHANG))
        name = @children.delete(process)
        # A child can give this process children by CLONE_PARENT: nobody waits for those.
        next if name.nil?

        how = status.signaled? ? { signal: status.termsig } : { code: status.exitstatus }
        answer(ended: name, **how)
      end
    rescue Errno::ECHILD
      nil
    end

    # One that has not been waited for keeps its number.
    def terminate(name)
      process = @children.key(name)
      Process.kill(:TERM, process) if process
    end

    # What children share with this process, apart from files.
    def own_memory_bytes
      File.read('/proc/self/status')[/^RssAnon:\s+(\d+)/, 1].to_i * 1024
    end

    # In the child.
    def close
      [@control, @own_namespace, @wake_read, @wake_write].each(&:close)
      @children.clear
      @received.clear
    end
  end
end
