import DarisCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Stage times measured on a GPU: alone by SM quota, and beside busy neighbours. A run on the card writes them to a
/// file, from which `daris calibrate` makes a device file.
package struct GPUProfile: Hashable, Sendable, Codable {
    /// The version of the format: 1.
    package var darisProfile: Int
    /// The card's name, such as `NVIDIA H200`.
    package var title: String
    /// M: the number of SMs.
    package var processors: Int
    /// The number of SMs that are only allocated together.
    package var granularity: Int
    /// Device memory in MiB.
    package var memoryMiB: Double
    /// Peak single-precision rate in TFLOP/s, from the data sheet.
    package var peakTFLOPS: Double
    /// Peak memory bandwidth in GB/s, from the data sheet.
    package var bandwidthGBs: Double
    /// The networks measured.
    package var networks: [Network]

    /// The measurements of one network, cut into stages.
    package struct Network: Hashable, Sendable, Codable {
        /// The network's name.
        package var name: String
        /// Memory for weights and working buffers in MiB.
        package var memoryMiB: Double
        /// Times alone, at several quotas.
        package var alone: [Alone]
        /// Times under full load, in several partitions.
        package var loaded: [Loaded]
        /// Throughput alone by batch size; may be empty.
        package var batches: [Batch]

        /// The measurements of one network.
        package init(name: String, memoryMiB: Double, alone: [Alone], loaded: [Loaded], batches: [Batch]) {
            self.name = name
            self.memoryMiB = memoryMiB
            self.alone = alone
            self.loaded = loaded
            self.batches = batches
        }
    }

    /// Stage times alone in a context of `processors` SMs.
    package struct Alone: Hashable, Sendable, Codable {
        /// The quota.
        package var processors: Int
        /// Time of each stage in ms.
        package var stageMs: [Double]

        /// Stage times at a quota.
        package init(processors: Int, stageMs: [Double]) {
            self.processors = processors
            self.stageMs = stageMs
        }
    }

    /// Stage times while every other lane runs stages of the same network.
    package struct Loaded: Hashable, Sendable, Codable {
        /// The kind of partition.
        package var kind: PartitionKind
        /// N_c.
        package var contexts: Int
        /// N_s.
        package var streams: Int
        /// OS.
        package var oversubscription: Double
        /// Time of each stage in ms.
        package var stageMs: [Double]

        /// Stage times in a partition.
        package init(kind: PartitionKind, contexts: Int, streams: Int, oversubscription: Double, stageMs: [Double]) {
            self.kind = kind
            self.contexts = contexts
            self.streams = streams
            self.oversubscription = oversubscription
            self.stageMs = stageMs
        }
    }

    /// Throughput of batches, one after another.
    package struct Batch: Hashable, Sendable, Codable {
        /// The batch size.
        package var batch: Int
        /// Inferences a second.
        package var jps: Double

        /// Throughput at a batch size.
        package init(batch: Int, jps: Double) {
            self.batch = batch
            self.jps = jps
        }
    }

    /// A profile of version 1.
    package init(
        title: String, processors: Int, granularity: Int, memoryMiB: Double, peakTFLOPS: Double, bandwidthGBs: Double,
        networks: [Network]
    ) {
        darisProfile = 1
        self.title = title
        self.processors = processors
        self.granularity = granularity
        self.memoryMiB = memoryMiB
        self.peakTFLOPS = peakTFLOPS
        self.bandwidthGBs = bandwidthGBs
        self.networks = networks
    }

    /// Reads a profile file.
    ///
    /// - Throws: `GPUModelError` with the file, the field, and valid values.
    package static func read(path: String) throws(GPUModelError) -> GPUProfile {
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(filePath: path)) } catch {
            throw GPUModelError("\(path): the profile cannot be read; is it there, and a file?")
        }
        do {
            let profile = try JSONDecoder().decode(GPUProfile.self, from: bytes)
            if let problem = profile.problem() { throw GPUModelError("\(path): \(problem)") }
            return profile
        } catch let error as GPUModelError { throw error } catch {
            throw GPUModelError("\(path): \(GPUCatalogue.reason(error))")
        }
    }

    /// The first invalid number, in a sentence; `nil` if all are valid.
    package func problem() -> String? {
        guard darisProfile == 1 else { return "darisProfile is \(darisProfile); this version reads 1" }
        guard (1...GPUModel.processorLimit).contains(processors) else {
            return "processors is \(processors); it must be from 1 to \(GPUModel.processorLimit)"
        }
        guard !networks.isEmpty else { return "networks is empty; it needs at least one network" }
        for network in networks {
            let times = network.alone.flatMap(\.stageMs) + network.loaded.flatMap(\.stageMs)
            guard times.allSatisfy({ $0 > 0 && $0.isFinite }) else {
                return "networks.\(network.name): every time must be above 0"
            }
            let counts = Set(network.alone.map(\.stageMs.count) + network.loaded.map(\.stageMs.count))
            guard counts.count == 1, !counts.contains(0) else {
                return "networks.\(network.name): every entry needs the times of the same stages"
            }
            guard Set(network.alone.map(\.processors)).count >= 2 else {
                return
                    "networks.\(network.name).alone: at least 2 different quotas are needed to tell work from overhead"
            }
            for loaded in network.loaded {
                let partition = Partition(
                    contexts: loaded.contexts, streams: loaded.streams, oversubscription: loaded.oversubscription)
                guard (1...Partition.limit).contains(partition.contexts),
                    (1...Partition.limit).contains(partition.streams),
                    partition.oversubscription >= 1, partition.oversubscription <= Double(partition.contexts)
                else {
                    return
                        "networks.\(network.name).loaded: \(loaded.contexts) × \(loaded.streams), OS \(loaded.oversubscription) is no partition"
                }
            }
        }
        return nil
    }
}
