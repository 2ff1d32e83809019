/// The networks the paper schedules, built in place with random weights, so that nothing needs to be downloaded.
///
/// Time on a device depends on the shape of a network and not on its weights; structure, parameter names and node names
/// are those of torchvision's models (the U-Net is this project's own). The weights are scaled so that activations keep
/// their size through all layers.
///
/// ```swift
/// try ReferenceNetwork.resnet18.build(seed: 1).write(path: "resnet18.onnx")
/// ```
package enum ReferenceNetwork: String, CaseIterable, Sendable {
    /// ResNet18: 18 layers in residual blocks of two 3×3 convolutions.
    case resnet18
    /// ResNet50: 50 layers in residual blocks of 1×1, 3×3 and 1×1 convolutions.
    case resnet50
    /// A U-Net with four levels of 32, 64, 128 and 256 channels over a bottleneck of 512.
    case unet
    /// Inception v3 without its auxiliary classifier.
    case inceptionV3 = "inception_v3"

    /// The network for a seed; the same seed gives the same bytes.
    ///
    /// Its input `input` is float32 of batch × 3 × 224 × 224 with a symbolic length `batch`, its output `output` of
    /// batch × classes, for the U-Net batch × classes × 224 × 224.
    package func build(seed: UInt64) -> ONNXModel { network.model(seed: seed) }

    /// The number of trained weights; the running statistics of batch normalisations do not count.
    package var parameterCount: Int { network.parameterCount }

    /// The number of multiply-add operations of one inference at ``inputShape``, as convolutions and fully connected
    /// layers make them.
    package var multiplyAdds: Int { multiplyAdds(height: inputShape[1], width: inputShape[2]) }

    /// The number of multiply-add operations of one inference on an image of another size; 0 for one too small.
    package func multiplyAdds(height: Int, width: Int) -> Int {
        MultiplyAddCount(network, channels: inputShape[0], height: height, width: width).total
    }

    /// Channels, height and width of the input.
    package var inputShape: [Int] { [3, 224, 224] }

    /// The number of classes, of the image or of each of its pixels.
    package var classes: Int {
        switch self {
        case .resnet18, .resnet50: 1000
        case .unet: 10
        case .inceptionV3: 100
        }
    }

    /// The network's name as its authors write it.
    package var title: String {
        switch self {
        case .resnet18: "ResNet18"
        case .resnet50: "ResNet50"
        case .unet: "U-Net"
        case .inceptionV3: "Inception v3"
        }
    }

    /// One line about the network: size, work and shape.
    package var summary: String {
        let parameters = Self.rounded(parameterCount, unit: 1_000_000)
        let operations = Self.rounded(multiplyAdds, unit: 1_000_000_000)
        let shape = inputShape.map(String.init).joined(separator: "×")
        return "\(title): \(parameters) M parameters, \(operations) G multiply-adds, \(shape) in, \(classes) classes"
    }

    private static func rounded(_ number: Int, unit: Int) -> String {
        let hundredths = (number + unit / 200) / (unit / 100)
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// The network without weights.
    var network: Network {
        switch self {
        case .resnet18: .resnet(blocks: [2, 2, 2, 2], isBottleneck: false, classes: classes)
        case .resnet50: .resnet(blocks: [3, 4, 6, 3], isBottleneck: true, classes: classes)
        case .unet: .unet(channels: [32, 64, 128, 256], bottleneck: 512, classes: classes)
        case .inceptionV3: .inceptionV3(classes: classes)
        }
    }
}
