import DarisCore

/// The results of a check so far: the content of `results.json`.
package struct CheckResults: Hashable, Sendable, Codable {
    /// The version of the format: 2. In 1 batching alone was measured in stages, and there were no questions.
    package var darisCheck = 2
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
    /// The device's facts.
    package var facts: [FactRecord] = []
    /// What was predicted of the card, beside what was measured; `nil` if nothing was.
    package var predictions: [PredictionRecord]?
    /// Closed loops of networks, whole and cut: of question 1, and of batching alone.
    package var batching: [BatchingRecord] = []
    /// Question 2.
    package var largeBatches: [CheckRow] = []
    /// Question 3.
    package var asBefore: [CheckRow] = []
    /// The task sets, each repetition by itself.
    package var taskSets: [CheckRow] = []
    /// The differences from the CPU's outputs.
    package var outputs: [OutputRecord] = []
    /// Runs without batching.
    package var unbatched: [CheckRow] = []
    /// Closed loops in other precisions and layouts.
    package var precision: [PrecisionRecord] = []
    /// What PyTorch does.
    package var pytorch: [PyTorchRecord] = []
    /// The proof of SM maps.
    package var maps: [MapRecord] = []
    /// The file of stage times, once it can be used.
    package var profile: String?
    /// Stage times.
    package var neighbours: [NeighbourRecord] = []
    /// The search for partitions.
    package var sweep: [CheckRow] = []

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

    /// The best closed loop of each network by a definition of batching, by name.
    package func best(_ definition: BatchingDefinition) -> [String: BatchingRecord] {
        Dictionary(batching.filter(definition.admits).map { ($0.network, $0) }) { $0.jps >= $1.jps ? $0 : $1 }
    }

    /// The best run of a task set with batches, of all steps. Of runs of one configuration and demand the worst counts.
    package func best(of taskSet: String) -> CheckRow? {
        struct Repeated: Hashable {
            var configuration: SweepConfiguration
            var demand: Double
        }
        var worst: [(key: Repeated, row: CheckRow)] = []
        for row in (taskSets + largeBatches + sweep) where row.taskSet == taskSet {
            let key = Repeated(configuration: row.configuration, demand: row.demand)
            if let place = worst.firstIndex(where: { $0.key == key }) {
                if worst[place].row.isBetter(than: row) { worst[place].row = row }
            } else {
                worst.append((key, row))
            }
        }
        return worst.map(\.row).reduce(nil) { best, row in best.map { row.isBetter(than: $0) } ?? true ? row : best }
    }
}
