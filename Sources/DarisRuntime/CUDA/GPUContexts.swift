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
        return try green(partition, on: context)
    }

    /// Green contexts: windows of SM groups that overlap where the quotas add up to more than the device has.
    ///
    /// The groups are the smallest that the driver gives, so that quotas are rounded as little as can be.
    private static func green(_ partition: Partition, on context: CUDAContext) throws(CUDAError) -> GPUContexts {
        let device = try SMResource(of: context)
        let groups = try device.split(intoGroupsOf: device.leastPartition).groups
        guard let size = groups.first?.multiprocessorCount else {
            throw CUDAError(
                kind: .featureMissing, call: "cuDevSmResourceSplitByCount", number: 0, name: "",
                text: "this GPU's \(device.multiprocessorCount) SMs cannot be parted", purpose: "making green contexts",
                advice: "use 'partition: {kind: streams}'")
        }
        let windows = SMWindows(
            partition: partition, multiprocessorCount: device.multiprocessorCount, groupSize: size,
            groupCount: groups.count)
        var streams: [[CUDAStream]] = []
        for window in windows.groups {
            let green = try GreenContext(context: context, groups: window.map { groups[$0] })
            var row: [CUDAStream] = []
            for _ in 0..<partition.streams { row.append(try CUDAStream(greenContext: green)) }
            streams.append(row)
        }
        let units = windows.groups.indices.map(windows.multiprocessors)
        return GPUContexts(streams: streams, units: units, notes: windows.notes)
    }
}
