import DarisSimulator
import DarisCore
import Foundation

@testable import DarisCheck

/// Results of a check that has measured nothing yet.
func emptyResults(rehearsal: Bool = false) -> CheckResults {
    CheckResults(
        version: "9.9.9", started: "2026-01-31T12:00:00Z", device: rehearsal ? "cpu" : "cuda", deviceName: "Card | One",
        isRehearsal: rehearsal, minutes: 8, networks: CheckNetwork.builtins.map(\.name))
}

/// A run that keeps every claim, unless changed.
func row(
    _ taskSet: String, _ configuration: SweepConfiguration = green(6, 1, 6), jps: Double = 1_200, best: Double = 1_000,
    change: (inout CheckRow) -> Void = { _ in }
) -> CheckRow {
    let json = """
        {"taskSet": "\(taskSet)", "seconds": 2, "demand": \(1.5 * best), "bestBatching": \(best), "baseline": "batching (strict)",
        "paperBatching": \(best / 2), "dispatches": 100, "skips": 3, "migrations": 4,
        "stages": [{"network": "unet", "stage": 0, "dispatches": 60, "jobs": 90, "meanBatch": 1.5},
          {"network": "unet", "stage": 1, "dispatches": 40, "jobs": 90, "meanBatch": 2.25}],
        "load": {"watts": 402.4, "clockMHz": 1979.5, "leastClockMHz": 1965, "celsius": 51}, "jps": \(jps),
        "configuration": {"kind": "\(configuration.kind.rawValue)", "largestBatch": \(configuration.largestBatch),
          "partition": {"contexts": \(configuration.partition.contexts), "streams": \(configuration.partition.streams),
            "oversubscription": \(configuration.partition.oversubscription)}},
        "hpDMR": 0, "lpDMR": 0.01, "acceptance": 0.7, "hpCompleted": 1000, "lpCompleted": 1400, "hpResponseMs": 3,
        "lpResponseMs": 6, "joules": 0.25, "decisionNs": 2000, "launchNs": 5000, "handoverNs": 9000, "errors": []}
        """
    do {
        var row = try JSONDecoder().decode(CheckRow.self, from: Data(json.utf8))
        change(&row)
        return row
    } catch { preconditionFailure("\(error)") }
}

func green(
    _ contexts: Int, _ streams: Int, _ oversubscription: Double, largestBatch: Int = 1
) -> SweepConfiguration {
    SweepConfiguration(
        .green, Partition(contexts: contexts, streams: streams, oversubscription: oversubscription),
        largestBatch: largestBatch)
}

/// Results in which everything was measured and holds.
func fullResults() -> CheckResults {
    var results = emptyResults()
    for step in CheckStep.allCases {
        results[step].state = .done
        results[step].seconds = 1.5
    }
    results.facts = [FactRecord(name: "SMs", value: "132")]
    results.maps = [
        MapRecord(
            kind: .green, partition: green(2, 1, 1).partition, promised: [4, 4], found: [[0, 1, 2, 3], [4, 5, 6, 7]],
            problem: nil, isMeasured: true)
    ]
    results.outputs = CheckNetwork.builtins.map {
        OutputRecord(network: $0.name, stages: $0.stages, batch: 1, relativeDifference: 2e-5)
    }
    results.neighbours = [
        NeighbourRecord(
            network: "resnet18", kind: .green, partition: green(2, 1, 1).partition, quota: 64, neighbours: 1,
            stageMs: [0.5, 0.25])
    ]
    results.batching = [BatchingRecord(network: "resnet18", batch: 64, lanes: 2, stages: 4, jps: 9_000)]
    for network in CheckNetwork.builtins.map(\.name) {
        results.batching += [
            BatchingRecord(network: network, batch: 1, lanes: 1, stages: 1, jps: 200, joules: 0.5),
            BatchingRecord(network: network, batch: 10, lanes: 1, stages: 1, jps: 500),
            BatchingRecord(network: network, batch: 16, lanes: 2, stages: 1, jps: 1_000),
            BatchingRecord(network: network, batch: 16, lanes: 1, stages: 1, jps: 700),
        ]
    }
    results.largeBatches = [row("unet", green(1, 1, 1), jps: 900)]
    results.asBefore = [row("inception_v3", jps: 500)]
    results.unbatched = [row("resnet18", jps: 300) { $0.baseline = "batch 1" }]
    results.precision = [
        PrecisionRecord(
            variant: .channelsLast,
            loop: BatchingRecord(network: "unet", batch: 64, lanes: 2, stages: 1, jps: 1_234))
    ]
    results.pytorch = [
        PyTorchRecord(network: "unet", precision: "half", compiled: true, batch: 64, jps: 4_321)
    ]
    results.sweep = [row("resnet18", green(4, 1, 4), jps: 1_100), row("resnet18", green(2, 1, 1))]
    results.taskSets = CheckTaskSet.paper.map { row($0.name) }
    results.verdicts = results.judged()
    return results
}
