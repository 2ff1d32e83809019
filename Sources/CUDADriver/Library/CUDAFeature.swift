/// Something that not every driver can do.
package enum CUDAFeature: Hashable, Sendable, CaseIterable {
    /// Work captured once and launched as a whole.
    case graphs
    /// Contexts with SMs of their own inside one process.
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
