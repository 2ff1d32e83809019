/// What inferences of the reference networks move besides kernels, in MB an inference: float tensors at the ends of the network and
/// at the boundaries of its stages, as they were cut for the checks in `results/`. For other networks, or other cuts, nothing is
/// known; what they move then counts as a part of their kernels.
struct ReferenceTraffic {
    var inMB: Double
    var outMB: Double
    /// By stage: what it copies in and out at its boundaries.
    var copyMB: [Double]

    static func of(_ network: String, stages: Int) -> ReferenceTraffic {
        guard let known = networks[network] else {
            return ReferenceTraffic(inMB: 0, outMB: 0, copyMB: Array(repeating: 0, count: stages))
        }
        guard known.copyMB.count != stages else { return known }
        let total = stages == 1 ? 0 : known.copyMB.reduce(0, +) * Double(stages - 1) / Double(known.copyMB.count - 1)
        var other = known
        other.copyMB = Array(repeating: total / Double(stages), count: stages)
        return other
    }

    private static let networks: [String: ReferenceTraffic] = [
        "resnet18": ReferenceTraffic(
            inMB: 0.602112, outMB: 0.004, copyMB: [0.802816, 1.605632, 1.00352, 0.200704]),
        "resnet50": ReferenceTraffic(
            inMB: 0.602112, outMB: 0.004, copyMB: [3.211264, 4.816896, 3.211264, 2.408448, 1.806336, 1.00352]),
        "unet": ReferenceTraffic(
            inMB: 0.602112, outMB: 2.00704,
            copyMB: [
                6.422528, 12.845056, 8.02816, 6.422528, 2.809856, 2.00704, 1.605632, 4.01408, 3.211264, 8.02816,
                16.05632,
                25.690112, 12.845056, 6.422528,
            ]),
        "inception_v3": ReferenceTraffic(
            inMB: 1.072812, outMB: 0.004,
            copyMB: [
                1.520768, 2.267264, 1.226496, 1.36, 1.506688, 1.069056, 1.10592, 0.791552, 0.256, 0.288, 0.168, 0.016,
                0.008,
            ]),
    ]
}
