import DarisConfiguration

/// A way to run networks on a GPU other than the usual one, which is TF32 with channels first.
package enum CheckVariant: String, Hashable, Sendable, Codable, CaseIterable {
    /// TF32 with channels last.
    case channelsLast = "TF32, channels last"
    /// Half precision.
    case half
    /// Half precision with channels last.
    case halfChannelsLast = "half, channels last"
    /// Half precision in TensorRT.
    case tensorRT = "half, TensorRT"

    /// The options of a task set for it.
    var options: GPUOptions {
        switch self {
        case .channelsLast: GPUOptions(layout: .nhwc)
        case .half: GPUOptions(precision: .fp16)
        case .halfChannelsLast: GPUOptions(precision: .fp16, layout: .nhwc)
        case .tensorRT: GPUOptions(precision: .fp16, engine: .tensorrt)
        }
    }
}
