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

/// Which kinds of partition a GPU's driver and this machine allow.
package struct PartitionSupport: Hashable, Sendable {
    /// A kind, of those that a GPU has.
    package let kind: PartitionKind
    /// Why it cannot be had, or `nil` if it can.
    package let obstacle: String?

    /// All kinds that a GPU has.
    package static func all(of library: CUDALibrary) -> [PartitionSupport] {
        var green: String?
        do throws(CUDAError) { try library.require(.greenContexts) } catch { green = error.text }
        let mps = MPSDaemon.findControl() == nil ? "\(MPSDaemon.controlName) is not in PATH" : nil
        return [
            PartitionSupport(kind: .streams, obstacle: nil), PartitionSupport(kind: .green, obstacle: green),
            PartitionSupport(kind: .mps, obstacle: mps),
        ]
    }
}

/// Which groups of SMs each green context of a partition gets.
///
/// The driver gives SMs in groups of one size, numbered here from 0; `Partition.windows` is the rule.
package struct SMWindows: Hashable, Sendable {
    /// The SMs in a group.
    package let groupSize: Int
    /// The groups that the device has.
    package let groupCount: Int
    /// The SMs of the device, of which some may be in no group.
    package let multiprocessorCount: Int
    /// The groups of each context, ascending; at least one each.
    package let groups: [[Int]]
    /// Whether a context that has all groups also has the SMs that are in none.
    package var includesRest = true

    private let partition: Partition

    /// The windows of a partition.
    package init(partition: Partition, multiprocessorCount: Int, groupSize: Int, groupCount: Int) {
        precondition(groupSize >= 1 && groupCount >= 1, "there is at least one group of one SM")
        precondition(groupSize * groupCount <= multiprocessorCount, "the groups are of the device's SMs")
        self.partition = partition
        self.multiprocessorCount = multiprocessorCount
        self.groupSize = groupSize
        self.groupCount = groupCount
        groups = partition.windows(groupCount: groupCount, groupSize: groupSize)
    }

    /// Whether a context has all of the device.
    package func isWhole(_ context: Int) -> Bool { includesRest && groups[context].count == groupCount }

    /// The SMs of a context, numbered by groups, and those in no group behind them.
    package func multiprocessors(of context: Int) -> [Int] {
        if isWhole(context) { return Array(0..<multiprocessorCount) }
        return groups[context].flatMap { Array($0 * groupSize..<($0 + 1) * groupSize) }
    }

    /// The SMs that two contexts share.
    package func shared(_ first: Int, _ second: Int) -> Int {
        Set(multiprocessors(of: first)).intersection(multiprocessors(of: second)).count
    }

    /// What rounding to groups has changed, in sentences without a full stop; none if nothing.
    package var notes: [String] {
        var notes: [String] = []
        let exact = partition.quota(units: multiprocessorCount, granularity: 1)
        let sizes = Set(groups.indices.map { multiprocessors(of: $0).count }).sorted()
        if sizes != [exact] {
            let given = sizes.map(String.init).joined(separator: " or ")
            notes.append("each context has \(given) SMs instead of \(exact), since they come in groups of \(groupSize)")
        }
        let rest = multiprocessorCount - groupCount * groupSize
        if rest > 0, !groups.indices.contains(where: isWhole) {
            notes.append("\(rest) of \(multiprocessorCount) SMs are in no group of \(groupSize) and stay idle")
        }
        if partition.oversubscription == 1, partition.contexts > groupCount {
            notes.append("\(partition.contexts) contexts share \(groupCount) groups, since a group cannot be cut")
        }
        return notes
    }
}
