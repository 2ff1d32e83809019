import Foundation
import Testing

@testable import DarisONNX

@Suite("The reference networks")
struct ReferenceNetworkTests {
    /// The weights of the U-Net's 3×3 convolutions with so many channels in and out, biases included.
    private static func convolutions(_ channels: [(Int, Int)]) -> Int {
        channels.reduce(0) { $0 + 9 * $1.0 * $1.1 + $1.1 }
    }

    @Test("reference networks have as many weights as torchvision's")
    func parameterCounts() {
        #expect(ReferenceNetwork.resnet18.parameterCount == 11_689_512)
        #expect(ReferenceNetwork.resnet50.parameterCount == 25_557_032)
        // 23,834,568 with 1000 classes; each class takes 2048 weights and a bias.
        #expect(ReferenceNetwork.inceptionV3.parameterCount == 23_834_568 - 900 * 2049)
    }

    @Test("the U-Net has the weights of its 18 convolutions of 3×3 and the last of 1×1")
    func unetParameterCount() {
        let down = [(3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
        let bottom = [(256, 512), (512, 512)]
        let up = [
            (512 + 256, 256), (256, 256), (256 + 128, 128), (128, 128), (128 + 64, 64), (64, 64), (64 + 32, 32),
            (32, 32),
        ]
        let expected = Self.convolutions(down + bottom + up) + 32 * 10 + 10
        #expect(expected == 7_846_954)
        #expect(ReferenceNetwork.unet.parameterCount == expected)
    }

    @Test("reference networks have as much work as torchvision's")
    func multiplyAdds() {
        #expect(ReferenceNetwork.resnet18.multiplyAdds == 1_814_073_344)
        #expect(ReferenceNetwork.resnet50.multiplyAdds == 4_089_184_256)
        let inception = ReferenceNetwork.inceptionV3.multiplyAdds(height: 299, width: 299)
        // 5.713 G with 1000 classes.
        #expect(abs(Double(inception + 900 * 2048) / 5.713e9 - 1) < 0.001)
        #expect(ReferenceNetwork.inceptionV3.multiplyAdds < inception)
    }

    @Test("the work of the U-Net is that of its convolutions at each level's size")
    func unetMultiplyAdds() {
        func level(_ size: Int, _ channels: [(Int, Int)]) -> Int {
            channels.reduce(0) { $0 + 9 * $1.0 * $1.1 * size * size }
        }
        let expected =
            level(224, [(3, 32), (32, 32), (96, 32), (32, 32)]) + level(112, [(32, 64), (64, 64), (192, 64), (64, 64)])
            + level(56, [(64, 128), (128, 128), (384, 128), (128, 128)])
            + level(28, [(128, 256), (256, 256), (768, 256), (256, 256)]) + level(14, [(256, 512), (512, 512)])
            + 32 * 10 * 224 * 224
        #expect(ReferenceNetwork.unet.multiplyAdds == expected)
    }

    @Test("an image too small for a network has no work, and does not crash", arguments: ReferenceNetwork.allCases)
    func tooSmall(network: ReferenceNetwork) {
        for size in [-7, 0, 1, 7, 33] { #expect(network.multiplyAdds(height: size, width: size) >= 0) }
        #expect(ReferenceNetwork.inceptionV3.multiplyAdds(height: 33, width: 33) == 0)
    }

    @Test("the same seed gives the same bytes, another seed other weights")
    func deterministic() throws {
        let bytes = try ReferenceNetwork.unet.build(seed: 5).serialized()
        #expect(try ReferenceNetwork.unet.build(seed: 5).serialized() == bytes)
        #expect(try ReferenceNetwork.unet.build(seed: 6).serialized() != bytes)
    }

    @Test("weights are those of every machine and version: a change here changes published results")
    func knownWeights() throws {
        let model = ReferenceNetwork.resnet18.build(seed: 1)
        let first = try #require(model.proto.graph.initializer.first)
        #expect(first.name == "conv1.weight")
        let hash = first.rawData.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        #expect(hash == 18_107_116_886_316_991_104)
    }

    @Test("weights have the right spread")
    func spread() throws {
        let parameter = Network.Parameter(name: "w", shape: [100, 1001], centre: 1, spread: 0.5)
        let data = WeightGenerator.values(of: parameter, seed: 3)
        let values = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        #expect(values.count == 100_100)
        #expect(values.allSatisfy { $0 >= 0.5 && $0 <= 1.5 })
        let mean = values.reduce(0) { $0 + Double($1) } / 100_100
        let variance = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 100_100
        #expect(abs(mean - 1) < 0.005)
        #expect(abs(variance - 1.0 / 12) < 0.001)
    }

    @Test("a built network is a sound model with one input and one output", arguments: ReferenceNetwork.allCases)
    func sound(network: ReferenceNetwork) throws {
        let model = network.build(seed: 1)
        let image: [TensorDescription.Dimension] = [.symbolic("batch"), .fixed(3), .fixed(224), .fixed(224)]
        #expect(model.inputs == [TensorDescription(name: "input", elementType: 1, dimensions: image)])
        #expect(model.outputs.map(\.name) == ["output"])
        #expect(model.outputs[0].dimensions?.prefix(2) == [.symbolic("batch"), .fixed(network.classes)])
        #expect(model.name == network.rawValue)
        for tensor in model.proto.graph.initializer { #expect(tensor.rawData.count == tensor.expectedByteCount) }

        let graph = try ModelGraph(model)
        #expect(graph.nodes.count + graph.constantNodes.count == model.nodeCount)
        #expect(graph.constantNodes.count == (network == .unet ? 4 : 0))
        #expect(Set(model.proto.graph.node.map(\.name)).count == model.nodeCount, "node names are unique")
        let read = Set((graph.nodes + graph.constantNodes).flatMap(\.inputs))
        #expect(model.proto.graph.initializerNames.isSubset(of: read), "every weight is used")
    }

    @Test(
        "weights and nodes are named as torchvision and its exporter name them",
        arguments: [
            (.resnet18, "layer1.0.conv1.weight", "/layer1/layer1.0/conv1/Conv"),
            (.resnet18, "layer2.0.downsample.1.running_var", "/layer2/layer2.0/downsample/downsample.0/Conv"),
            (.resnet50, "layer4.2.bn3.running_mean", "/layer4/layer4.2/relu_2/Relu"),
            (.inceptionV3, "Mixed_5b.branch1x1.conv.weight", "/Mixed_5b/branch1x1/conv/Conv"),
            (.inceptionV3, "Mixed_7c.branch3x3dbl_3b.bn.bias", "/Mixed_7c/Concat"),
            (.unet, "bottleneck.conv2.bias", "/up4/Resize"), (.resnet18, "fc.bias", "/fc/Gemm"),
        ] as [(ReferenceNetwork, String, String)])
    func names(network: ReferenceNetwork, weight: String, node: String) {
        #expect(network.network.parameters.contains { $0.name == weight })
        #expect(network.network.nodes.contains { $0.name == node })
    }

    @Test("a summary says what a network is")
    func summary() {
        #expect(
            ReferenceNetwork.resnet18.summary
                == "ResNet18: 11.69 M parameters, 1.81 G multiply-adds, 3×224×224 in, 1000 classes")
        #expect(ReferenceNetwork(rawValue: "inception_v3") == .inceptionV3)
    }
}
