import CUDADriver
import DarisCore

/// Green contexts on a GPU: windows of SM groups that overlap where the quotas add up to more than the device has.
///
/// The groups are the smallest that the driver gives, so that quotas are rounded as little as can be.
package struct GreenPartition: Sendable {
    /// Which groups each context has.
    package let windows: SMWindows
    /// The contexts, in the order of the windows.
    package let contexts: [GreenContext]
    /// All SMs of the device.
    package let device: SMResource

    /// Cuts a GPU.
    package init(_ partition: Partition, on context: CUDAContext) throws(CUDAError) {
        device = try SMResource(of: context)
        let groups = try device.split(intoGroupsOf: device.leastPartition).groups
        guard let size = groups.first?.multiprocessorCount else {
            throw CUDAError(
                kind: .featureMissing, call: "cuDevSmResourceSplitByCount", number: 0, name: "",
                text: "this GPU's \(device.multiprocessorCount) SMs cannot be parted", purpose: "making green contexts",
                advice: "use 'partition: {kind: streams}'")
        }
        var windows = SMWindows(
            partition: partition, multiprocessorCount: device.multiprocessorCount, groupSize: size,
            groupCount: groups.count)
        var contexts: [GreenContext] = []
        for index in windows.groups.indices {
            if windows.isWhole(index) {
                // The device's own SMs are more than those of all groups where some are in none.
                if let whole = try? GreenContext(context: context, groups: [device]) {
                    contexts.append(whole)
                    continue
                }
                windows.includesRest = false
            }
            contexts.append(try GreenContext(context: context, groups: windows.groups[index].map { groups[$0] }))
        }
        self.windows = windows
        self.contexts = contexts
    }
}
