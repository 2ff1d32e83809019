/// What a device, a thread or a process of Daris could not do.
package enum DeviceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// This did not work; the device runs other stages.
    case failed(String)
    /// Everything else in this process fails on the device from now on.
    case lost(String)

    /// An error in the device's words.
    package init(_ description: String, losesDevice: Bool = false) {
        self = losesDevice ? .lost(description) : .failed(description)
    }

    /// The device's own words.
    package var description: String {
        switch self {
        case .failed(let words), .lost(let words): words
        }
    }

    /// Whether everything else in this process fails on the device from now on.
    package var losesDevice: Bool {
        if case .lost = self { true } else { false }
    }
}
