import CUDADriver
import DarisCore

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
