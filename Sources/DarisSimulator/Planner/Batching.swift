import DarisCore

/// Batching without a scheduler: one batch after another on the whole device, without deadlines. It is the upper
/// baseline of the paper.
package struct Batching: Sendable {
    /// The best batch of a network, with its throughput.
    package struct Row: Hashable, Sendable, Codable {
        /// The network.
        package var network: String
        /// The batch with the highest throughput.
        package var batch: Int
        /// Inferences a second at that batch.
        package var jps: Double
    }

    /// The largest batch.
    package static let largestBatch = 64

    /// The throughput of one network alone in a closed loop, in inferences a second. The launch of a batch overlaps the
    /// batch before (docs/gpu-model.md, equation 8).
    package static func throughput(of cost: NetworkCost, on gpu: GPUModel, batch: Int) -> Double {
        let usable = min(cost.parallelism(batch: batch), Double(gpu.processors) * cost.bandwidthShare)
        return Double(batch) / max(cost.launchMs, Double(batch) * cost.workSMms / usable) * 1e3
    }

    /// The best batch of a network: the smallest whose throughput is within 0.5 % of the highest.
    package static func best(_ network: String, on gpu: GPUModel) -> Row? {
        guard let cost = gpu.networks[network] else { return nil }
        let rates = (1...largestBatch).map { throughput(of: cost, on: gpu, batch: $0) }
        let highest = rates.max() ?? 0
        let batch = rates.firstIndex { $0 >= 0.995 * highest } ?? 0
        return Row(network: network, batch: batch + 1, jps: rates[batch])
    }

    /// The throughput of batching for the demand of tasks, in inferences a second: the demand if it fits, else as much
    /// as fits when every network gets its share.
    package static func throughput(of tasks: [SimulatedTask], on gpu: GPUModel) -> Double {
        var demand: [String: Double] = [:]
        for task in tasks {
            demand[task.network, default: 0] += Double(task.specification.batch) / task.specification.period.inSeconds
        }
        let (total, busy) = demand.sorted { $0.key < $1.key }.reduce((0.0, 0.0)) { sum, entry in
            (sum.0 + entry.value, sum.1 + entry.value / (best(entry.key, on: gpu)?.jps ?? .infinity))
        }
        return total / max(1, busy)
    }
}
