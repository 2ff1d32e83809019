// U-Net: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
// with padded convolutions, so that the output has the input's size, and with interpolation on the way up.
extension Network {
    /// A U-Net whose encoder has the given channels at each level.
    ///
    /// A block is two 3×3 convolutions, each with bias and Relu. Max-pooling halves the size between levels on the way
    /// down. On the way up bilinear interpolation doubles it, and the encoder's result of that level is concatenated.
    static func unet(channels: [Int], bottleneck: Int, classes: Int) -> Network {
        var network = Network(name: "unet")
        var x = network.input
        var skips: [Tensor] = []
        for (level, width) in zip(1..., channels) {
            x = network.doubleConvolution(x, at: "encoder\(level)", channels: width)
            skips.append(x)
            x = network.maxPool(x, at: "pool\(level)", kernel: 2, stride: 2)
        }
        x = network.doubleConvolution(x, at: "bottleneck", channels: bottleneck)
        for (level, (width, skip)) in zip(1..., zip(channels, skips)).reversed() {
            x = network.doubled(x, at: "up\(level)")
            x = network.concatenation([x, skip], at: "decoder\(level)")
            x = network.doubleConvolution(x, at: "decoder\(level)", channels: width)
        }
        _ = network.convolution(x, at: "head", channels: classes, kernel: Extent(1), hasBias: true)
        network.finish(outputShape: [classes, 224, 224])
        return network
    }

    private mutating func doubleConvolution(_ input: Tensor, at path: String, channels: Int) -> Tensor {
        var x = input
        for index in 1...2 {
            x = convolution(
                x, at: "\(path).conv\(index)", channels: channels, kernel: Extent(3), padding: Extent(1),
                hasBias: true)
            x = relu(x, at: "\(path).relu\(index)")
        }
        return x
    }
}
