import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisLoad
import DarisReport
import Foundation

/// `daris load URL`.
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put a server of the Open Inference Protocol under load, and see what clients see.",
        discussion: """
            Sends requests with random inputs to one model and reports throughput, deadline misses and response times as the \
            client sees them. With --rate they are sent when they are due, whatever has become of those before; without it, \
            --concurrency at a time, as fast as they are answered. The deadline goes with each request as its 'timeout'.

            With --rate, response times and deadlines count from when a request was due, not from when it was sent: a client \
            that stalls does not hide a slow server. 'sending delay' is what lies between the two: where it is large, the \
            client was too slow for the rate. A request that is not sent, since --concurrency are on their way, has missed \
            its deadline. Without --rate all times count from sending, and a slow server is asked less often.

            Try:
              daris load http://127.0.0.1:8000 --model classify --rate 20Hz --deadline 200ms --poisson
              daris load http://127.0.0.1:8000 --model classify --concurrency 8

            Exit codes: 0 every request was answered (refusals and late answers are answers); 1 some were not, or failed; 2 an \
            option is wrong.
            """)

    @Argument(help: "The server, such as http://127.0.0.1:8000.")
    var url: String
    @Option(help: ArgumentHelp("The model to ask for.", valueName: "name"))
    var model: String
    @Option(help: ArgumentHelp("Requests a second; without it, a closed loop.", valueName: "100Hz"))
    var rate: String?
    @Flag(help: "Send at random times, at the rate on average.")
    var poisson = false
    @Option(help: ArgumentHelp("From when a request is due to its deadline.", valueName: "50ms"))
    var deadline: String?
    @Option(help: ArgumentHelp("1 for high priority, 2 for low; the model's own if not given.", valueName: "n"))
    var priority: Int?
    @Option(help: ArgumentHelp("How long to send.", valueName: "10s"))
    var duration = "10 s"
    @Option(help: ArgumentHelp("The most requests on their way.", valueName: "n"))
    var concurrency: Int?
    @Option(help: ArgumentHelp("A file with the token to send.", valueName: "file"))
    var token: String?
    @Flag(help: "Take the server's certificate whatever it is.")
    var insecure = false
    @Option(help: ArgumentHelp("Seed of inputs and arrivals.", valueName: "n"))
    var seed: UInt64 = 1
    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func run() throws {
        let generator = LoadGenerator(try options())
        let interruption = Interruption { generator.stop() }
        defer { interruption.end() }
        let timer = showProgress(generator)
        let result = Blocking.result { try await generator.run() }
        timer?.cancel()
        Terminal.endProgress()
        let figures: LoadFigures
        do { figures = try result.get() } catch {
            throw Failure(message: "\(error)".printable, exitCode: 1)
        }
        try Terminal.print(json ? try LoadReport(figures).json() : LoadReport(figures).text(styling: Terminal.styling))
        if figures.failed > 0 || figures.answered < figures.sent {
            throw Failure(
                message:
                    "\(figures.failed) of \(figures.sent) requests failed, and \(figures.sent - figures.answered) were "
                    + "not answered", exitCode: 1)
        }
    }

    private func options() throws -> LoadGenerator.Options {
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw Failure.usage("'\(url)' is not the address of a server; write for example http://127.0.0.1:8000")
        }
        var options = LoadGenerator.Options(server: url, model: model)
        do throws(ConfigurationError) {
            options.rate = try rate.map { text throws(ConfigurationError) in
                try Quantity.parseRate(text, field: "--rate")
            }
            options.deadline = try deadline.map { text throws(ConfigurationError) in
                try Quantity.parseDuration(text, field: "--deadline", in: .microseconds(1)...(.seconds(Int64(3_600))))
            }
            options.duration = try Quantity.parseDuration(
                duration, field: "--duration", in: .milliseconds(1)...(.seconds(Int64(86_400))))
        } catch {
            throw Failure.usage(error)
        }
        options.concurrency = concurrency ?? (options.rate == nil ? 64 : 1_024)
        guard (1...65_536).contains(options.concurrency) else {
            throw Failure.usage("--concurrency: \(options.concurrency) is outside 1 to 65536")
        }
        if let priority, !(0...1_000_000).contains(priority) {
            throw Failure.usage("--priority: \(priority) is outside 0 to 1000000; 1 is high, 2 is low")
        }
        options.priority = priority
        options.isPoisson = poisson
        options.seed = seed
        options.trustsAnyCertificate = insecure
        if let token {
            guard let text = try? String(contentsOfFile: token, encoding: .utf8),
                let first = text.split(whereSeparator: \.isNewline).first(where: { !$0.hasPrefix("#") })
            else { throw Failure.usage("--token: '\(token)' cannot be read, or holds no token") }
            options.token = first.trimmingCharacters(in: .whitespaces)
        }
        return options
    }

    private func showProgress(_ generator: LoadGenerator) -> (any DispatchSourceTimer)? {
        guard Terminal.showsProgress else { return nil }
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "daris-progress"))
        timer.schedule(deadline: .now() + 0.5, repeating: 0.5)
        timer.setEventHandler {
            let figures = generator.current
            Terminal.progress("\(figures.sent) sent, \(figures.answered) answered, \(figures.refused) refused")
        }
        timer.resume()
        return timer
    }
}
