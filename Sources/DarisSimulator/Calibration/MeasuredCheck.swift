import DarisConfiguration
import DarisCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a check of a card measured, as far as a model of the card can be held against it: the content of its `results.json`.
package struct MeasuredCheck: Hashable, Sendable, Decodable {
    /// Batches of a network one after another on every lane.
    package struct Loop: Hashable, Sendable, Decodable {
        package var network: String
        package var batch: Int
        package var lanes: Int
        package var stages: Int
        /// Inferences a second.
        package var jps: Double
        /// Energy an inference in J, where the card counts it.
        package var joules: Double?
    }

    /// Times of a network's stages by themselves on one lane, while `neighbours` other lanes run stages of it.
    package struct Neighbours: Hashable, Sendable, Decodable {
        package var network: String
        package var kind: PartitionKind
        package var partition: Partition
        package var neighbours: Int
        /// By stage, in ms.
        package var stageMs: [Double]
    }

    /// What a partition was promised to be.
    package struct Map: Hashable, Sendable, Decodable {
        package var kind: PartitionKind
        package var partition: Partition
        /// By context, the number of SMs.
        package var promised: [Int]
    }

    /// A partition and the largest batch.
    package struct Configuration: Hashable, Sendable, Codable {
        package var kind: PartitionKind
        package var partition: Partition
        package var largestBatch: Int
    }

    /// A run of a task set under the scheduler. Rates are fractions from 0 to 1.
    package struct Run: Hashable, Sendable, Decodable {
        package var taskSet: String
        package var configuration: Configuration
        package var demand: Double
        package var bestBatching: Double
        package var seconds: Double
        package var jps: Double
        package var hpDMR: Double
        package var lpDMR: Double?
        package var acceptance: Double
        package var hpResponseMs: Double?
        package var lpResponseMs: Double?
        package var joules: Double?
    }

    package var deviceName: String
    package var maps: [Map]
    package var batching: [Loop]
    package var neighbours: [Neighbours]
    package var sweep: [Run]
    package var taskSets: [Run]

    /// All runs of task sets.
    package var runs: [Run] { sweep + taskSets }

    /// The number of stages that each network was cut into.
    package var stageCounts: [String: Int] {
        Dictionary(neighbours.map { ($0.network, $0.stageMs.count) }, uniquingKeysWith: max)
    }

    /// The largest results file in bytes.
    private static let sizeLimit = 64 << 20

    /// Reads the `results.json` of a check's folder.
    ///
    /// - Throws: `GPUModelError` with the file, the field, and valid values.
    package static func read(folder: String) throws(GPUModelError) -> MeasuredCheck {
        let path = folder + "/results.json"
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(filePath: path)) } catch {
            throw GPUModelError("\(path): the results cannot be read; give the folder that 'daris gpu-check' wrote")
        }
        guard bytes.count <= sizeLimit else {
            throw GPUModelError("\(path): results have at most \(sizeLimit >> 20) MiB")
        }
        let check: MeasuredCheck
        do { check = try JSONDecoder().decode(MeasuredCheck.self, from: bytes) } catch {
            throw GPUModelError("\(path): \(GPUCatalogue.reason(error))")
        }
        if let problem = check.problem() { throw GPUModelError("\(path): \(problem)") }
        return check
    }

    /// The first invalid figure, in a sentence; `nil` if all are valid.
    private func problem() -> String? {
        for (index, loop) in batching.enumerated() {
            guard loop.jps > 0, (1...4096).contains(loop.batch), (1...64).contains(loop.lanes),
                (1...256).contains(loop.stages)
            else {
                return
                    "batching.\(index): its rate must be above 0, its batch from 1 to 4096, its lanes from 1 to 64 and its stages from 1 to 256"
            }
        }
        for (index, entry) in neighbours.enumerated() {
            guard !entry.stageMs.isEmpty, entry.stageMs.allSatisfy({ $0 > 0 && $0.isFinite }),
                Self.isValid(entry.partition),
                (0..<entry.partition.lanes).contains(entry.neighbours)
            else { return "neighbours.\(index): every time must be above 0, and the neighbours fewer than the lanes" }
        }
        for (index, run) in runs.enumerated() {
            guard run.demand > 0, run.demand <= 1e6, run.jps > 0, Self.isValid(run.configuration.partition),
                (1...BatchGroup.jobLimit).contains(run.configuration.largestBatch)
            else {
                return "run \(index): its demand, its rate, its partition and its largest batch must be possible ones"
            }
        }
        return nil
    }

    private static func isValid(_ partition: Partition) -> Bool {
        (1...Partition.limit).contains(partition.contexts) && (1...Partition.limit).contains(partition.streams)
            && partition.oversubscription >= 1 && partition.oversubscription <= Double(partition.contexts)
            && partition.express == 0
    }
}
