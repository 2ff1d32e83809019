import ArgumentParser
import CDarisSystem
import DarisConfiguration
import DarisCore
import DarisRuntime
import Foundation
import ONNXRuntime
import Synchronization

/// The throughput of a saturated CPU under Daris, compared with a bare ONNX Runtime loop, and the hand-over between
/// stages.
struct Saturation: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Throughput against a bare ONNX Runtime loop, and the hand-over between stages.",
        discussion: """
            Both run in this process at the same time, each on half of the cores: threads that only run the whole model in \
            a loop, and Daris with the model in stages, a demand above the cores' capacity, and no admission test. Sides \
            are swapped within each turn.
            """)

    @Option(help: "A built-in network.")
    var model = "resnet18"
    @Option(help: "Stages under Daris.")
    var stages = 4
    @Option(help: "Seconds a turn.")
    var seconds = 2.0
    @Option(help: "Turns; in each Daris runs once on either half of the cores.")
    var rounds = 7

    func run() throws {
        let cores = SystemRights.allowedProcessors()
        guard cores.count >= 2 else { throw ValidationError("two cores are needed, to run both side by side") }
        let half = cores.count / 2
        let sides = [Array(cores.prefix(half)), Array(cores.dropFirst(half).prefix(half))]
        let staged = try sides.map { try SaturatedSide(model, stages: stages, cores: $0) }
        let whole = try sides.map { try SaturatedSide(model, stages: 1, cores: $0) }
        let stagedLoops = try zip(staged, sides).map { try BareLoop($0.prepared.models[0], cores: $1) }
        let wholeLoops = try zip(whole, sides).map { try BareLoop($0.prepared.models[0], cores: $1) }

        var rates: [String: [Double]] = [:]
        var ratios: [String: [Double]] = [:]
        var handover: [Int64] = []
        func compare(_ name: String, _ a: [any Contender], _ b: [any Contender]) {
            var ratio = 1.0
            for side in 0...1 {
                let (x, y) = race(a[side], b[1 - side], seconds: seconds)
                rates[name, default: []].append(x)
                rates["whole", default: []].append(y)
                ratio *= x / y
            }
            ratios[name, default: []].append(ratio.squareRoot())
        }
        let contenders = [
            ("bare loop, \(stages) stages", stagedLoops.map { $0 as any Contender }),
            ("Daris, \(stages) stages", staged.map { $0 as any Contender }),
            ("Daris, whole model", whole.map { $0 as any Contender }),
        ]
        for _ in 0..<rounds {
            for (name, first) in contenders { compare(name, first, wholeLoops) }
        }
        for side in staged + whole {
            side.prepared.device.shutDown()
            handover += side.handover
        }

        var table = Table(header: ["\(model), \(half) threads each", "JPS", "of the bare loop", "least", "most"])
        table.rows.append(["bare loop, whole model", String(format: "%.1f", median(rates["whole"]!)), "1.000", "", ""])
        for (name, _) in contenders {
            let all = ratios[name]!
            table.rows.append(
                [name, String(format: "%.1f", median(rates[name]!))]
                    + [median(all), all.min()!, all.max()!].map { String(format: "%.3f", $0) })
        }
        print("Saturated CPU, side by side with a bare loop of the whole model, \(rounds) turns")
        print(table.text)
        print(
            "hand-over from a stage's end to the next one's start on a lane: median "
                + "\(median(handover).grouped) ns (median of \(handover.count) runs' medians)")
    }
}
