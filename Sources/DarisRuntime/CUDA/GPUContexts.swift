import CUDADriver
import DarisCore

/// The contexts of a GPU in this process: the streams of each, and the SMs they run on.
struct GPUContexts: Sendable {
    /// By context, then by stream.
    let streams: [[CUDAStream]]
    /// The SMs of each context, numbered as the driver parts them; all of them without green contexts.
    let units: [[Int]]
    let notes: [String]

    /// Cuts a GPU.
    ///
    /// - Parameter kind: `streams` or `green`; `mps` is a matter of processes, each of which has one context of kind
    ///   `streams`.
    static func make(
        _ partition: Partition, kind: PartitionKind, on context: CUDAContext
    ) throws(CUDAError) -> GPUContexts {
        guard kind == .green else {
            var streams: [[CUDAStream]] = []
            for _ in 0..<partition.contexts {
                var row: [CUDAStream] = []
                for _ in 0..<partition.streams { row.append(try CUDAStream(context: context)) }
                streams.append(row)
            }
            let all = Array(0..<context.device.multiprocessorCount)
            return GPUContexts(streams: streams, units: streams.map { _ in all }, notes: [])
        }
        let green = try GreenPartition(partition, on: context)
        var streams: [[CUDAStream]] = []
        for context in green.contexts {
            var row: [CUDAStream] = []
            for _ in 0..<partition.streams { row.append(try CUDAStream(greenContext: context)) }
            streams.append(row)
        }
        let units = green.windows.groups.indices.map(green.windows.multiprocessors)
        return GPUContexts(streams: streams, units: units, notes: green.windows.notes)
    }
}
