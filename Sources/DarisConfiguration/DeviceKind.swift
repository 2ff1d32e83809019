import DarisCore

/// A kind of device of this machine, as task sets see it: what it is called and how it may be cut.
///
/// A new device has its row here. What loads and runs it, a type of the runtime, refers to the row.
package struct DeviceKind: Hashable, Sendable {
    /// Its name in task sets.
    package let name: String
    /// What one of them is called where a machine may have several: then `NAME:1` is the second. `nil` if there is one.
    package let numberedAs: String?
    /// How it may be cut, the kind that examples show first.
    package let partitionKinds: [PartitionKind]

    /// A kind of device that has this name in task sets.
    package init(name: String, numberedAs: String? = nil, partitionKinds: [PartitionKind]) {
        self.name = name
        self.numberedAs = numberedAs
        self.partitionKinds = partitionKinds
    }

    /// The CPU.
    package static let cpu = DeviceKind(name: "cpu", partitionKinds: [.cores])
    /// An NVIDIA GPU.
    package static let cuda = DeviceKind(
        name: "cuda", numberedAs: "GPU", partitionKinds: [.streams, .mps, .green])

    /// All kinds; the first is the device of task sets that name none.
    package static let all = [cpu, cuda]

    /// The kind of the device that a task set names; `nil` if it is none of this machine.
    package static func named(_ device: String) -> DeviceKind? { all.first { $0.index(of: device) != nil } }

    /// The number of the device that is named, counted from 0; `nil` if it is not of this kind.
    package func index(of device: String) -> Int? {
        if device == name { return 0 }
        guard numberedAs != nil, device.hasPrefix("\(name):"), let index = Int(device.dropFirst(name.count + 1)),
            Limits.gpus.contains(index)
        else { return nil }
        return index
    }

    /// Its names for people: `cuda (or cuda:1 for the second GPU)`.
    var usage: String { numberedAs.map { "\(name) (or \(name):1 for the second \($0))" } ?? name }

    /// How it may be cut, for people: `GPUs have streams, mps, green`.
    var partitionUsage: String {
        let kinds = partitionKinds.map(\.rawValue).joined(separator: ", ")
        return numberedAs.map { "\($0)s have \(kinds)" } ?? "device \(name) has \(kinds)"
    }
}
