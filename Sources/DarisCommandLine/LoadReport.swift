import DarisCore
import DarisLoad
import DarisReport
import Foundation

/// What clients saw of a load, for people and for machines.
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
                "\(figures.unsent) requests were not sent, since as many as --concurrency allows were on their way; with a "
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
