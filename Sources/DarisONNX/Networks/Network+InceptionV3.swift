// Inception v3: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture for Computer
// Vision", CVPR 2016, with torchvision's widths and names, and without the auxiliary classifier.
extension Network {
    /// Inception v3 with this number of classes.
    static func inceptionV3(classes: Int) -> Network {
        var network = Network(name: "inception_v3")
        var x = network.unit(network.input, "Conv2d_1a_3x3", 32, Extent(3), stride: 2)
        x = network.unit(x, "Conv2d_2a_3x3", 32, Extent(3))
        x = network.unit(x, "Conv2d_2b_3x3", 64, Extent(3), padding: Extent(1))
        x = network.maxPool(x, at: "maxpool1", kernel: 3, stride: 2)
        x = network.unit(x, "Conv2d_3b_1x1", 80, Extent(1))
        x = network.unit(x, "Conv2d_4a_3x3", 192, Extent(3))
        x = network.maxPool(x, at: "maxpool2", kernel: 3, stride: 2)
        x = network.inceptionA(x, at: "Mixed_5b", poolChannels: 32)
        x = network.inceptionA(x, at: "Mixed_5c", poolChannels: 64)
        x = network.inceptionA(x, at: "Mixed_5d", poolChannels: 64)
        x = network.inceptionB(x, at: "Mixed_6a")
        x = network.inceptionC(x, at: "Mixed_6b", width: 128)
        x = network.inceptionC(x, at: "Mixed_6c", width: 160)
        x = network.inceptionC(x, at: "Mixed_6d", width: 160)
        x = network.inceptionC(x, at: "Mixed_6e", width: 192)
        x = network.inceptionD(x, at: "Mixed_7a")
        x = network.inceptionE(x, at: "Mixed_7b")
        x = network.inceptionE(x, at: "Mixed_7c")
        network.classifier(x, classes: classes)
        return network
    }

    /// Convolution, batch normalisation and Relu.
    private mutating func unit(
        _ input: Tensor, _ path: String, _ channels: Int, _ kernel: Extent, stride: Int = 1,
        padding: Extent = Extent(0)
    ) -> Tensor {
        var x = convolution(
            input, at: path + ".conv", channels: channels, kernel: kernel, stride: stride, padding: padding)
        x = batchNormalization(x, at: path + ".bn", epsilon: 1e-3)
        return relu(x, at: path + ".relu")
    }

    /// A unit of 1 × `length`, padded to keep the size.
    private mutating func wide(_ input: Tensor, _ path: String, _ channels: Int, _ length: Int) -> Tensor {
        unit(input, path, channels, Extent(1, length), padding: Extent(0, length / 2))
    }

    /// A unit of `length` × 1, padded to keep the size.
    private mutating func tall(_ input: Tensor, _ path: String, _ channels: Int, _ length: Int) -> Tensor {
        unit(input, path, channels, Extent(length, 1), padding: Extent(length / 2, 0))
    }

    private mutating func pooled(_ input: Tensor, at path: String, channels: Int) -> Tensor {
        let pool = averagePool3x3(input, at: path + ".avg_pool")
        return unit(pool, path + ".branch_pool", channels, Extent(1))
    }

    /// Branches of 1×1, 5×5 and two 3×3 (figure 5 of the paper).
    private mutating func inceptionA(_ input: Tensor, at path: String, poolChannels: Int) -> Tensor {
        let one = unit(input, path + ".branch1x1", 64, Extent(1))
        var five = unit(input, path + ".branch5x5_1", 48, Extent(1))
        five = unit(five, path + ".branch5x5_2", 64, Extent(5), padding: Extent(2))
        var three = unit(input, path + ".branch3x3dbl_1", 64, Extent(1))
        three = unit(three, path + ".branch3x3dbl_2", 96, Extent(3), padding: Extent(1))
        three = unit(three, path + ".branch3x3dbl_3", 96, Extent(3), padding: Extent(1))
        let pool = pooled(input, at: path, channels: poolChannels)
        return concatenation([one, five, three, pool], at: path)
    }

    /// Halves the size after the A blocks.
    private mutating func inceptionB(_ input: Tensor, at path: String) -> Tensor {
        let three = unit(input, path + ".branch3x3", 384, Extent(3), stride: 2)
        var double = unit(input, path + ".branch3x3dbl_1", 64, Extent(1))
        double = unit(double, path + ".branch3x3dbl_2", 96, Extent(3), padding: Extent(1))
        double = unit(double, path + ".branch3x3dbl_3", 96, Extent(3), stride: 2)
        let pool = maxPool(input, at: path + ".max_pool", kernel: 3, stride: 2)
        return concatenation([three, double, pool], at: path)
    }

    /// Branches of 7×7 in two parts (figure 6).
    private mutating func inceptionC(_ input: Tensor, at path: String, width: Int) -> Tensor {
        let one = unit(input, path + ".branch1x1", 192, Extent(1))
        var seven = unit(input, path + ".branch7x7_1", width, Extent(1))
        seven = wide(seven, path + ".branch7x7_2", width, 7)
        seven = tall(seven, path + ".branch7x7_3", 192, 7)
        var double = unit(input, path + ".branch7x7dbl_1", width, Extent(1))
        double = tall(double, path + ".branch7x7dbl_2", width, 7)
        double = wide(double, path + ".branch7x7dbl_3", width, 7)
        double = tall(double, path + ".branch7x7dbl_4", width, 7)
        double = wide(double, path + ".branch7x7dbl_5", 192, 7)
        let pool = pooled(input, at: path, channels: 192)
        return concatenation([one, seven, double, pool], at: path)
    }

    /// Halves the size after the C blocks.
    private mutating func inceptionD(_ input: Tensor, at path: String) -> Tensor {
        var three = unit(input, path + ".branch3x3_1", 192, Extent(1))
        three = unit(three, path + ".branch3x3_2", 320, Extent(3), stride: 2)
        var seven = unit(input, path + ".branch7x7x3_1", 192, Extent(1))
        seven = wide(seven, path + ".branch7x7x3_2", 192, 7)
        seven = tall(seven, path + ".branch7x7x3_3", 192, 7)
        seven = unit(seven, path + ".branch7x7x3_4", 192, Extent(3), stride: 2)
        let pool = maxPool(input, at: path + ".max_pool", kernel: 3, stride: 2)
        return concatenation([three, seven, pool], at: path)
    }

    /// Branches that fan out into 1×3 and 3×1 (figure 7).
    private mutating func inceptionE(_ input: Tensor, at path: String) -> Tensor {
        let one = unit(input, path + ".branch1x1", 320, Extent(1))
        let three = unit(input, path + ".branch3x3_1", 384, Extent(1))
        let threeParts = [
            wide(three, path + ".branch3x3_2a", 384, 3), tall(three, path + ".branch3x3_2b", 384, 3),
        ]
        let threeBoth = concatenation(threeParts, at: path + ".branch3x3")
        var double = unit(input, path + ".branch3x3dbl_1", 448, Extent(1))
        double = unit(double, path + ".branch3x3dbl_2", 384, Extent(3), padding: Extent(1))
        let doubleParts = [
            wide(double, path + ".branch3x3dbl_3a", 384, 3), tall(double, path + ".branch3x3dbl_3b", 384, 3),
        ]
        let doubleBoth = concatenation(doubleParts, at: path + ".branch3x3dbl")
        let pool = pooled(input, at: path, channels: 192)
        return concatenation([one, threeBoth, doubleBoth, pool], at: path)
    }
}
