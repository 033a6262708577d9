# frozen_string_literal: true

# Played by a generic environment, never by a function.
class LambentRehearsal
  def self.handler(event:, context:)
    { 'event' => event, 'remaining' => context.get_remaining_time_in_millis.zero? }
  end
end
