import DarisCore

/// Measurements that the authors of the paper published with their implementation: medians over their runs of a
/// configuration on an RTX 2080 Ti (github.com/AmirFB/DARIS, folder results).
package struct PublishedTable: Sendable {
    /// One configuration of a task set under the scheduler.
    package struct Row: Hashable, Sendable, Codable {
        /// The task set: the name of its network.
        package var taskSet: String
        /// N_c.
        package var contexts: Int
        /// N_s.
        package var streams: Int
        /// OS.
        package var oversubscription: Double
        /// The number of runs behind the medians.
        package var runs: Int
        /// Completed jobs a second.
        package var jps: Double
        /// HP deadline miss rate in percent.
        package var hpMissPercent: Double
        /// LP deadline miss rate in percent; `nil` if no LP job was accepted.
        package var lpMissPercent: Double?
        /// LP acceptance in percent.
        package var lpAcceptPercent: Double

        /// `6×1 OS 6`.
        package var label: String {
            let os = oversubscription
            let whole = os == os.rounded() ? "\(Int(os))" : "\(os)"
            return "\(contexts)×\(streams) OS \(whole)"
        }

        /// STR, MPS or MPS+STR.
        package var policy: String {
            Partition(contexts: contexts, streams: streams, oversubscription: oversubscription).policyName
        }

        /// Its partition.
        package var partition: Partition {
            Partition(contexts: contexts, streams: streams, oversubscription: oversubscription)
        }
    }

    /// One network alone at a batch size, without a scheduler.
    package struct BatchingRow: Hashable, Sendable {
        /// The network.
        package var network: String
        /// The batch size.
        package var batch: Int
        /// Completed inferences a second, the median of the runs.
        package var jps: Double
    }

    /// The task sets' rows.
    package let rows: [Row]
    /// The batching rows.
    package let batching: [BatchingRow]

    /// The published measurements.
    package static let rtx2080ti = PublishedTable(
        rows: lines(of: PackageResources.rtx2080ti_tasksets_csv).map { field in
            Row(
                taskSet: field[0], contexts: number(field[1]), streams: number(field[2]),
                oversubscription: number(field[3]), runs: number(field[4]), jps: number(field[5]),
                hpMissPercent: number(field[6]), lpMissPercent: field[7].isEmpty ? nil : number(field[7]),
                lpAcceptPercent: number(field[8]))
        },
        batching: lines(of: PackageResources.rtx2080ti_batching_csv).map { field in
            BatchingRow(network: field[0], batch: number(field[1]), jps: number(field[2]))
        })

    private static func lines(of bytes: [UInt8]) -> [[String]] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private static func number<Number: LosslessStringConvertible>(_ text: String) -> Number {
        guard let number = Number(text) else { preconditionFailure("'\(text)' in the published table is no number") }
        return number
    }
}

/// A task set of the paper with published measurements.
package struct PaperTaskSet: Hashable, Sendable, CaseIterable {
    /// The network of its tasks, which names it.
    package let network: String
    /// The number of HP tasks.
    package let highPriority: Int
    /// The number of LP tasks.
    package let lowPriority: Int
    /// Releases a second of each task.
    package let rate: Double
    /// The number of stages of the network.
    package let stages: Int

    /// ResNet18, U-Net and Inception v3.
    package static let allCases = [
        PaperTaskSet(network: "resnet18", highPriority: 16, lowPriority: 32, rate: 30, stages: 4),
        PaperTaskSet(network: "unet", highPriority: 5, lowPriority: 10, rate: 24, stages: 14),
        PaperTaskSet(network: "inception_v3", highPriority: 8, lowPriority: 16, rate: 24, stages: 13),
    ]

    /// HP jobs released a second.
    package var highPriorityRate: Double { Double(highPriority) * rate }
    /// LP jobs released a second.
    package var lowPriorityRate: Double { Double(lowPriority) * rate }

    /// The tasks as they were run: deadlines equal periods, and a release during the task's previous job waits for it.
    package func tasks(on gpu: GPUModel) -> [SimulatedTask] {
        let period = Nanoseconds.seconds(1 / rate)
        return (0..<highPriority + lowPriority).map { index in
            let isHigh = index < highPriority
            let specification = TaskSpecification(
                name: isHigh ? "hp-\(index + 1)" : "lp-\(index - highPriority + 1)", period: period,
                priority: isHigh ? .high : .low, overrun: .queue(limit: 1), afet: [])
            guard let task = SimulatedTask(specification, network: network, on: gpu, stages: stages) else {
                preconditionFailure("the device has no cost of \(network)")
            }
            return task
        }
    }
}
