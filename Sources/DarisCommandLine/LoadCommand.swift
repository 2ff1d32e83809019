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
        abstract: "Put a server of the Open Inference Protocol under load, and measure on the client's side.",
        discussion: """
            Sends requests with random inputs to one model and reports throughput, deadline misses and response times on the \
            client's side. With --rate each is sent when due, whether earlier ones are answered or not; without it, \
            --concurrency at a time, as fast as they are answered. Each request carries the deadline as its 'timeout'.

            With --rate, response times and deadlines count from the due time of a request, not from its sending, so a \
            client that stalls does not hide a slow server. 'sending delay' is the time between the two: if it is large, the \
            client was too slow for the rate. A request that is not sent, since --concurrency are in flight, has missed its \
            deadline. Without --rate all times count from sending, and a slow server gets fewer requests.

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
    @Option(help: ArgumentHelp("The time from a request's due time to its deadline.", valueName: "50ms"))
    var deadline: String?
    @Option(help: ArgumentHelp("1 for high priority, 2 for low; by default the model's.", valueName: "n"))
    var priority: Int?
    @Option(help: ArgumentHelp("How long to send.", valueName: "10s"))
    var duration = "10 s"
    @Option(help: ArgumentHelp("The limit of concurrent requests.", valueName: "n"))
    var concurrency: Int?
    @Option(help: ArgumentHelp("A file with the token to send.", valueName: "file"))
    var token: String?
    @Flag(help: "Accept any certificate of the server.")
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

/// The report on a load, as text and as JSON.
struct LoadReport {
    private let figures: LoadFigures

    init(_ figures: LoadFigures) { self.figures = figures }

    func text(styling: Styling) -> String {
        var table = TextTable([
            .number("sent"), .number("in time"), .number("late"), .number("given up"), .number("refused"),
            .number("failed"), .number("DMR %"), .number("answers/s"),
        ])
        table.append([
            "\(figures.sent)", "\(figures.inTime)", "\(figures.late)", "\(figures.tooLate)", "\(figures.refused)",
            "\(figures.failed)", Self.number(figures.dmr * 100, 2), Self.number(figures.throughput, 1),
        ])
        var lines = table.lines(styling: styling)
        var times = TextTable([
            .text("ms"), .number("count"), .number("mean"), .number("p50"), .number("p95"), .number("p99"),
            .number("max"),
        ])
        for (name, seen) in [
            ("answered", figures.response), ("refused", figures.refusal), ("sending delay", figures.sendingDelay),
        ] where seen.count > 0 {
            times.append(
                [name, "\(seen.count)"]
                    + [
                        seen.mean, seen.percentile(50), seen.percentile(95), seen.percentile(99),
                        seen.maximum,
                    ]
                    .map { Self.number($0.inMilliseconds, 2) })
        }
        lines += [""] + times.lines(styling: styling)
        if figures.unsent > 0 {
            lines += [
                "",
                "\(figures.unsent) requests were not sent, since as many as --concurrency allows were in flight; with a "
                    + "deadline they count as missed",
            ]
        }
        for (error, count) in figures.errors.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            lines.append("\(count) × \(error.printable)")
        }
        return lines.joined(separator: "\n")
    }

    private struct JSON: Encodable {
        struct Times: Encodable {
            var count: Int
            var mean, p50, p95, p99, max: Double

            init(_ times: Distribution) {
                count = times.count
                mean = times.mean.inMilliseconds
                p50 = times.percentile(50).inMilliseconds
                p95 = times.percentile(95).inMilliseconds
                p99 = times.percentile(99).inMilliseconds
                max = times.maximum.inMilliseconds
            }
        }

        var sent, answered, unsent: Int
        var inTime, late, tooLate, refused, failed: Int
        var dmr, answersPerSecond, elapsedSeconds: Double
        var responseMs, refusalMs, sendingDelayMs: Times
        var errors: [String: Int]
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = JSON(
            sent: figures.sent, answered: figures.answered, unsent: figures.unsent, inTime: figures.inTime,
            late: figures.late, tooLate: figures.tooLate, refused: figures.refused, failed: figures.failed,
            dmr: figures.dmr, answersPerSecond: figures.throughput, elapsedSeconds: figures.elapsed.inSeconds,
            responseMs: .init(figures.response), refusalMs: .init(figures.refusal),
            sendingDelayMs: .init(figures.sendingDelay), errors: figures.errors)
        return String(decoding: try encoder.encode(json), as: UTF8.self)
    }

    private static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
