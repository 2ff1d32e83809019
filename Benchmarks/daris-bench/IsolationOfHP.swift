import ArgumentParser
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import Synchronization

/// HP response alone and beside more LP than fits: first come first served, with the paper's scheduler, and with express lanes.
struct IsolationOfHP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "isolation-of-hp",
        abstract: "HP response alone, and beside LP under FIFO, the paper's scheduler and express lanes.",
        discussion: """
            On each core one HP task of ResNet18, cut into four stages, asks for a share of it, and LP tasks ask for the rest of \
            the demand: ResNet18 of four stages (short), or U-Net of one stage (long). The four cases run in turns.
            """)

    @Option(help: "Seconds a turn.")
    var seconds = 10.0
    @Option(help: "Turns.")
    var rounds = 3
    @Option(help: "What HP asks for of each core.")
    var high = 0.2
    @Option(help: "What all tasks ask for of each core.")
    var demand = 1.5
    @Option(help: "Write the response times with long LP stages to this file, as an SVG picture.")
    var picture: String?
    @Flag(help: "Ask for SCHED_FIFO, which excludes other programs from the measurement.")
    var realtime = false

    enum Case: String, CaseIterable {
        case alone, fifo, paper, express
        var words: String {
            switch self {
            case .alone: "HP alone"
            case .fifo: "first come, first served"
            case .paper: "paper (express 0)"
            case .express: "express 1"
            }
        }
    }

    /// What the turns of a case came to.
    struct Turns {
        var responses: [Double] = []
        var p99: [Double] = []
        var mean: [Double] = []
        var jps: [Double] = []
        var missed = (high: 0, low: 0)
        var judged = (high: 0, low: 0)
        var acceptance: [Double] = []
    }

    func run() throws {
        guard (0.01...1).contains(high), high < demand, rounds > 0, seconds > 0 else {
            throw ValidationError("--high is from 0.01 to 1 and below --demand; --rounds and --seconds are above 0")
        }
        let cores = SystemRights.allowedProcessors().count
        for (name, low) in [
            ("short LP stages (ResNet18, 4 stages)", "builtin: resnet18, seed: 2, stages: 4"),
            ("long LP stages (U-Net, 1 stage)", "builtin: unet, stages: 1"),
        ] {
            let turns = try measure(low, cores: cores)
            report(name, turns, cores: cores)
            if let picture, name.hasPrefix("long") {
                try TailPicture(
                    title: "HP response, beside LP that asks for \(Int(demand * 100)) % of the cores with long stages",
                    lines: Case.allCases.map { ($0.words, turns[$0]?.responses ?? []) }
                ).svg.write(toFile: picture, atomically: true, encoding: .utf8)
            }
        }
    }

    private func measure(_ low: String, cores: Int) throws -> [Case: Turns] {
        var preparing = Preparation.Options()
        preparing.realTime = realtime
        let models = "{high: {builtin: resnet18, stages: 4}, low: {\(low)}}"
        let probe = try Preparation.prepare(
            try TaskSet.parse(
                """
                partition: {contexts: \(cores), streams: 1, oversubscription: 1}
                models: \(models)
                tasks:
                  - {name: high, model: high, rate: 1 Hz, priority: high, count: \(cores)}
                  - {name: low, model: low, rate: 1 Hz, priority: low, count: \(cores)}
                """, file: "bench"), options: preparing)
        probe.device.shutDown()
        func period(_ task: Int, share: Double, tasks: Int) -> String {
            let afet = probe.configuration.tasks[task].afet.reduce(0) { $0 + $1.inMilliseconds }
            return "\(String(format: "%.3f", afet * Double(tasks) / share)) ms"
        }
        // As many as make the longest period of an LP task bearable.
        let tasks = 6
        let highTask =
            "{name: high, model: high, period: \(period(0, share: high, tasks: 1)), priority: high, count: \(cores)}"
        let lowTask =
            "{name: low, model: low, period: \(period(cores, share: demand - high, tasks: tasks)), priority: low, "
            + "count: \(tasks * cores)}"
        var result: [Case: Turns] = [:]
        for _ in 0..<rounds {
            for test in Case.allCases {
                let taskSet = try TaskSet.parse(
                    """
                    partition: {contexts: \(cores), streams: 1, oversubscription: 1, express: \(test == .express ? 1 : 0)}
                    models: \(test == .alone ? "{high: {builtin: resnet18, stages: 4}}" : models)
                    tasks:
                      - \(highTask)
                    \(test == .alone ? "" : "  - \(lowTask)")
                    scheduler: {policy: \(test == .fifo ? "fifo" : "daris")}
                    run: {duration: \(seconds) s}
                    """, file: "bench")
                let responses = Responses()
                var options = Executor<MachineDevice>.Options()
                options.observer = { _, _, commands in
                    for case .finished(let outcome) in commands where outcome.priority == .high {
                        if outcome.fate == .completed { responses.append(outcome.responseTime.inMilliseconds) }
                    }
                }
                let summary = try Preparation.prepare(taskSet, options: preparing).run(options: options).summary
                var turns = result[test] ?? Turns()
                turns.responses += responses.all
                turns.mean.append(summary.hp.responseMs.mean)
                turns.p99.append(summary.hp.responseMs.p99)
                turns.jps.append(summary.lp.jps)
                turns.acceptance.append(summary.lp.acceptance)
                turns.missed.high += summary.hp.missed
                turns.missed.low += summary.lp.missed
                turns.judged.high += summary.hp.judged(.high)
                turns.judged.low += summary.lp.judged(.low)
                result[test] = turns
            }
        }
        return result
    }

    private func report(_ name: String, _ turns: [Case: Turns], cores: Int) {
        func percent(_ part: Int, _ whole: Int) -> String {
            whole == 0 ? "–" : String(format: "%.1f", 100 * Double(part) / Double(whole))
        }
        var table = Table(
            header: [
                name, "HP mean ms", "p99 ms", "p99 of alone", "HP DMR %", "LP JPS", "LP DMR %", "LP acceptance %",
            ])
        let alone = median(turns[.alone]?.p99 ?? [1])
        for test in Case.allCases {
            guard let case_ = turns[test] else { continue }
            let hasLow = test != .alone
            table.rows.append([
                test.words, String(format: "%.2f", median(case_.mean)), String(format: "%.2f", median(case_.p99)),
                String(format: "%.2f", median(case_.p99) / alone), percent(case_.missed.high, case_.judged.high),
                hasLow ? String(format: "%.1f", median(case_.jps)) : "–",
                hasLow ? percent(case_.missed.low, case_.judged.low) : "–",
                hasLow ? String(format: "%.1f", 100 * median(case_.acceptance)) : "–",
            ])
        }
        print(table.text)
        print("\(cores) cores, medians of \(rounds) turns of \(seconds) s\n")
    }
}

/// Response times of jobs, in ms.
private final class Responses: Sendable {
    private let times = Mutex<[Double]>([])
    func append(_ time: Double) { times.withLock { $0.append(time) } }
    var all: [Double] { times.withLock { $0 } }
}

/// The share of jobs that took longer than a time, both on logarithmic axes.
struct TailPicture {
    var title: String
    var lines: [(name: String, milliseconds: [Double])]

    private static let (width, height, left, top, bottom) = (760.0, 400.0, 64.0, 48.0, 350.0)
    private static let colours = ["#6b7280", "#c2410c", "#2563eb", "#15803d"]

    var svg: String {
        let all = lines.flatMap(\.milliseconds)
        let (low, high) = (log10(max(all.min() ?? 1, 0.01)), log10(max(all.max() ?? 10, 0.02)))
        let (first, last) = (low.rounded(.down), high.rounded(.up))
        let decades = -3.0
        let right = Self.width - 180
        func x(_ value: Double) -> Double { Self.left + (log10(value) - first) / (last - first) * (right - Self.left) }
        func y(_ share: Double) -> Double { Self.top + log10(share) / decades * (Self.bottom - Self.top) }
        func text(_ words: String, _ x: Double, _ y: Double, _ more: String = "") -> String {
            "<text x=\"\(x)\" y=\"\(y)\" \(more)>\(words)</text>"
        }
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.width) \(Self.height)\" font-family=\"sans-serif\" "
                + "font-size=\"13\" fill=\"#1f2937\"><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
            text(title, Self.left, 24, "font-size=\"15\""),
        ]
        var decade = first
        while decade <= last {
            let at = x(pow(10, decade))
            parts.append("<path d=\"M\(at) \(Self.top)V\(Self.bottom)\" stroke=\"#e5e7eb\"/>")
            parts.append(text("\(pow(10, decade).formatted()) ms", at, Self.bottom + 18, "text-anchor=\"middle\""))
            decade += 1
        }
        for (share, label) in [(1.0, "all"), (0.1, "10 %"), (0.01, "1 %"), (0.001, "0.1 %")] {
            parts.append("<path d=\"M\(Self.left) \(y(share))H\(right)\" stroke=\"#e5e7eb\"/>")
            parts.append(text(label, Self.left - 8, y(share) + 4, "text-anchor=\"end\""))
        }
        parts.append(text("share of HP jobs that took longer than…", Self.left, Self.bottom + 40))
        for (index, line) in lines.enumerated() where !line.milliseconds.isEmpty {
            let sorted = line.milliseconds.sorted()
            var path = ""
            for (place, value) in sorted.enumerated() {
                let share = max(Double(sorted.count - place) / Double(sorted.count), 0.001)
                path += String(format: "%@%.1f %.1f", path.isEmpty ? "M" : "L", x(value), y(share))
            }
            let colour = Self.colours[index % Self.colours.count]
            parts.append("<path d=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
            let row = Self.top + 20 + 24 * Double(index)
            parts.append("<path d=\"M\(right + 16) \(row - 4)h18\" stroke=\"\(colour)\" stroke-width=\"3\"/>")
            parts.append(text(line.name, right + 40, row))
        }
        return parts.joined(separator: "\n") + "\n</svg>\n"
    }
}
