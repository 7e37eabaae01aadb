#!/usr/bin/env ruby
# Handlers that stay, in Ruby: copy serve, Park and Snooze, and write your own handlers. With Rails,
# begin with: require_relative "config/environment"
#
#     muster-worker --serve 'letter.render=exec ./serve.rb'
require "json"

Park = Class.new(StandardError)   # it can never work: keep the job for somebody to look at
Snooze = Class.new(StandardError) # raise Snooze, "10s": tried again later, at no cost

def answer_to(job, handlers)
  JSON.generate(id: job["id"], ok: handlers.fetch(job["kind"]).call(job["args"], job))
rescue Snooze => later
  JSON.generate(id: job["id"], snooze: later.message)
rescue Park => reason
  JSON.generate(id: job["id"], park: { code: "Park", message: reason.message })
rescue StandardError, NotImplementedError => error # this attempt has failed
  warn error.full_message(highlight: false)
  JSON.generate(id: job["id"], error: { code: error.class.name, message: error.message })
end

# Answers a line for each line, until there are no more jobs.
def serve(handlers)
  answers = $stdout.dup
  $stdout.reopen($stderr) # puts goes to the job's log, not among the answers
  $stdout.sync = true # and while the job runs
  $stdin.set_encoding("UTF-8")
  $stdin.each_line do |line|
    answers.write(answer_to(JSON.parse(line), handlers), "\n")
    answers.flush
  end
end

# ---- your handlers: what they return is the result ----

require "erb"

LETTER = ERB.new(<<~TEXT, trim_mode: "-")
  Dear <%= to %>,

  your order <%= order %> has left our house:
  <%- items.each do |item| -%>
    <%= item.fetch("count").to_s.rjust(3) %> x <%= item.fetch("name") %>
  <%- end -%>
TEXT

# {"to", "order", "items": [{"count", "name"}]}: the letter's text.
render = lambda do |args, job|
  raise Park, "an order without items" if args.fetch("items").empty?

  puts "attempt #{job["attempt"]} for #{args.fetch("to")}"
  LETTER.result_with_hash(to: args.fetch("to"), order: args.fetch("order"), items: args["items"])
end

serve("letter.render" => render) if $PROGRAM_NAME == __FILE__
