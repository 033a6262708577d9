# frozen_string_literal: true

module LambentRuntime
  # The function's handler: FILE.METHOD, or FILE.CLASS.METHOD where CLASS may have a namespace (Module::Class).
  class Handler
    # Loads the file. Raises what its code raises, and ArgumentError with AWS's text for a malformed name.
    def self.load(name)
      parts = name.split('.')
      unless [2, 3].include?(parts.size)
        raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD " \
                             'where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an ' \
                             'optional module/class namespace and METHOD is a callable method. If using CLASS, ' \
                             'METHOD must be a class-level method.'
      end
      file, *class_name, method_name = parts
      require file
      new(class_name.first, method_name)
    end

    def initialize(class_name, method_name)
      @class_name = class_name
      @method_name = method_name
    end

    # AWS: class and method are looked up at each call, and a private method is called as well.
    def call(event:, context:)
      receiver = @class_name ? Kernel.const_get(@class_name) : TOPLEVEL_BINDING.receiver
      receiver.__send__(@method_name, event: event, context: context)
    end
  end
end
