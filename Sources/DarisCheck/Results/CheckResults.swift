import DarisCore

/// The results of a check so far: the content of `results.json`.
package struct CheckResults: Hashable, Sendable, Codable {
    /// The version of the format: 1.
    package var darisCheck = 1
    /// The version of Daris.
    package var version: String
    /// The start time, in UTC.
    package var started: String
    /// The requested device, such as `cuda`.
    package var device: String
    /// The device's name.
    package var deviceName: String
    /// Whether the steps were only tried out on a CPU, so that no figure is about a GPU.
    package var isRehearsal: Bool
    /// The time limit.
    package var minutes: Double
    /// The requested networks.
    package var networks: [String]
    /// The steps, in order.
    package var steps: [StepRecord] = CheckStep.allCases.map(StepRecord.init)
    /// The verdicts on the claims.
    package var verdicts: [CheckVerdict] = []
    /// Step 1.
    package var facts: [FactRecord] = []
    /// Step 2.
    package var maps: [MapRecord] = []
    /// Step 3.
    package var outputs: [OutputRecord] = []
    /// Step 4: the profile's file, once it can be used.
    package var profile: String?
    /// Step 4.
    package var neighbours: [NeighbourRecord] = []
    /// Step 5.
    package var batching: [BatchingRecord] = []
    /// Step 6.
    package var sweep: [CheckRow] = []
    /// Step 7.
    package var taskSets: [CheckRow] = []

    /// The results of a check that has not begun.
    package init(
        version: String, started: String, device: String, deviceName: String, isRehearsal: Bool, minutes: Double,
        networks: [String]
    ) {
        self.version = version
        self.started = started
        self.device = device
        self.deviceName = deviceName
        self.isRehearsal = isRehearsal
        self.minutes = minutes
        self.networks = networks
    }

    /// The record of a step.
    package subscript(step: CheckStep) -> StepRecord {
        get { steps[step.number - 1] }
        set { steps[step.number - 1] = newValue }
    }

    /// The best batch of each network measured, by name.
    package var bestBatching: [String: BatchingRecord] {
        Dictionary(batching.map { ($0.network, $0) }) { $0.jps >= $1.jps ? $0 : $1 }
    }

    /// The best run of a task set, of both steps.
    package func best(of taskSet: String) -> CheckRow? {
        (taskSets + sweep).filter { $0.taskSet == taskSet }
            .reduce(nil) { best, row in best.map { row.isBetter(than: $0) } ?? true ? row : best }
    }
}
