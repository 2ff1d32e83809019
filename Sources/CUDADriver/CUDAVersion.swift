/// A version of CUDA, or the compute capability of a device.
package struct CUDAVersion: Hashable, Comparable, CustomStringConvertible, Sendable {
    /// The part before the point.
    package let major: Int
    /// The part after the point.
    package let minor: Int

    /// The version `major.minor`.
    package init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// The version in the driver's form: 12040 is 12.4.
    init(driverNumber: Int) {
        self.init(major: driverNumber / 1_000, minor: driverNumber % 1_000 / 10)
    }

    /// Whether `a` is earlier than `b`.
    package static func < (a: CUDAVersion, b: CUDAVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

    /// The version as `major.minor`.
    package var description: String { "\(major).\(minor)" }
}

/// A feature that old drivers lack.
package enum CUDAFeature: Hashable, Sendable, CaseIterable {
    /// Work that is captured once and launched as a whole.
    case graphs
    /// Contexts with SMs of their own within a process.
    case greenContexts

    /// The first version of CUDA whose drivers have it.
    package var neededVersion: CUDAVersion {
        switch self {
        case .graphs: CUDAVersion(major: 11, minor: 4)
        case .greenContexts: CUDAVersion(major: 12, minor: 4)
        }
    }

    /// The first driver that has it.
    package var neededDriver: String {
        switch self {
        case .graphs: "470"
        case .greenContexts: "550"
        }
    }

    /// The feature's name in a sentence.
    var phrase: String {
        switch self {
        case .graphs: "CUDA graphs"
        case .greenContexts: "green contexts"
        }
    }
}
