import CDarisSystem

@testable import DarisRuntime

/// Something that no worker in its right mind writes into a lane's place in shared memory.
enum Scribble: CaseIterable {
    case sequence, time, negativeTime, handover, status, length

    /// Part of the message that it leads to.
    var words: String {
        switch self {
        case .sequence: "completed command 77 on lane 0 after 0"
        case .time: "an execution time of 9223372036854775807 ns"
        case .negativeTime: "an execution time of -1 ns"
        case .handover: "a hand-over of -2 ns"
        case .status: "the status 3"
        case .length: "an error of 4294967295 bytes"
        }
    }

    /// Writes it, for a lane whose first command has not been carried out.
    func write(to slot: LaneSlot) {
        guard self != .sequence else { return daris_store(slot.completed, 77) }
        slot.base.storeBytes(of: 0, toByteOffset: 136, as: Int64.self)
        slot.base.storeBytes(of: -1, toByteOffset: 144, as: Int64.self)
        slot.base.storeBytes(of: 0, toByteOffset: 132, as: UInt32.self)
        switch self {
        case .sequence: break
        case .time: slot.base.storeBytes(of: .max, toByteOffset: 136, as: Int64.self)
        case .negativeTime: slot.base.storeBytes(of: -1, toByteOffset: 136, as: Int64.self)
        case .handover: slot.base.storeBytes(of: -2, toByteOffset: 144, as: Int64.self)
        case .status: slot.base.storeBytes(of: 3, toByteOffset: 132, as: UInt32.self)
        case .length:
            slot.base.storeBytes(of: 1, toByteOffset: 132, as: UInt32.self)
            slot.base.storeBytes(of: .max, toByteOffset: 152, as: UInt32.self)
        }
        daris_store(slot.completed, 1)
    }
}
