/// A version of CUDA, or the compute capability of a device.
package struct CUDAVersion: Hashable, Comparable, CustomStringConvertible, Sendable {
    /// The part before the point.
    package let major: Int
    /// The part behind the point.
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
