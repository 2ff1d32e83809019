import DarisCore
import ONNXRuntime
import Testing

@testable import DarisRuntime

@Suite("Where tensors lie on a GPU")
struct TensorLayoutTests {
    private func tensor(_ name: String, _ count: Int) -> InputShapes.Input {
        InputShapes.Input(name: name, elementType: .float32, shape: [1, count])
    }

    @Test("inputs come from the host, what later stages read is kept on the device, outputs go to the host")
    func threeStages() {
        let shapes = TensorShapes(
            inputs: [tensor("image", 100)],
            made: ["a": tensor("a", 64), "b": tensor("b", 10), "y": tensor("y", 3)])
        let layout = TensorLayout(
            stages: [(["image"], ["a"]), (["a"], ["b"]), (["b", "a", "image"], ["y"])], inputs: ["image"],
            outputs: ["y"], shapes: shapes, jobs: 1)
        #expect(layout.hostInputBytes == 512 && layout.hostOutputBytes == 256)
        // a and b are alive together when stage 2 reads both.
        #expect(layout.deviceBytes == 512)
        // Each has one place in the lane, from the stage that makes or first reads it to the last that reads it: the image of 400
        // bytes in front, then a, then b and y.
        #expect(
            layout.stages[0].copiesIn == [.init(memory: .hostInput, offset: 0, laneOffset: 0, bytes: 400, stage: -1)])
        #expect(
            layout.stages[0].copiesOut == [.init(memory: .device, offset: 0, laneOffset: 512, bytes: 256, stage: 0)])
        #expect(layout.stages[1].copiesIn == [.init(memory: .device, offset: 0, laneOffset: 512, bytes: 256, stage: 0)])
        #expect(
            layout.stages[1].copiesOut == [.init(memory: .device, offset: 256, laneOffset: 768, bytes: 40, stage: 1)])
        #expect(
            layout.stages[2].copiesIn == [
                .init(memory: .device, offset: 256, laneOffset: 768, bytes: 40, stage: 1),
                .init(memory: .device, offset: 0, laneOffset: 512, bytes: 256, stage: 1),
                .init(memory: .hostInput, offset: 0, laneOffset: 0, bytes: 400, stage: 0),
            ])
        #expect(
            layout.stages[2].copiesOut == [
                .init(memory: .hostOutput, offset: 0, laneOffset: 1024, bytes: 12, stage: 2)
            ])
        #expect(layout.laneBytes == 1024 + 256)
        // What jobs take along when they leave the lane.
        #expect(layout.stages[0].carried == layout.stages[0].copiesOut)
        #expect(layout.stages[1].carried == layout.stages[0].copiesOut + layout.stages[1].copiesOut)
        #expect(layout.stages[2].carried == [])
    }

    @Test("an output that a later stage reads goes both ways")
    func outputThatIsRead() {
        let shapes = TensorShapes(
            inputs: [tensor("x", 1)], made: ["a": tensor("a", 1), "y": tensor("y", 1)])
        let layout = TensorLayout(
            stages: [(["x"], ["a"]), (["a"], ["y"])], inputs: ["x"], outputs: ["a", "y"], shapes: shapes, jobs: 1)
        #expect(layout.stages[0].copiesOut.map(\.memory) == [.device, .hostOutput])
        #expect(layout.outputs == [.init(offset: 0, bytes: 4), .init(offset: 256, bytes: 4)])
    }

    @Test("jobs that share a launch lie one behind the other along the first dimension")
    func severalJobs() {
        let shapes = TensorShapes(inputs: [tensor("x", 100)], made: ["y": tensor("y", 3)])
        let layout = TensorLayout(
            stages: [(["x"], ["y"])], inputs: ["x"], outputs: ["y"], shapes: shapes, jobs: 4)
        let stage = layout.stages[0]
        #expect(stage.inputs[0].shape == [4, 100] && stage.inputs[0].bytesPerJob == 400)
        #expect(stage.outputs[0].shape == [4, 3] && stage.outputs[0].offset == 1792)
        #expect(layout.laneBytes == 1792 + 256)
        // Each job's own memory is as large as ever.
        #expect(layout.hostInputBytes == 512 && layout.hostOutputBytes == 256)
    }

    @Test("tensors alive at the same time never overlap, and those that are not share memory", arguments: 0..<200)
    func random(seed: Int) {
        var generator = SplitMix64(seed: UInt64(seed))
        func random(_ range: ClosedRange<Int>) -> Int {
            range.lowerBound + Int(generator.next() % UInt64(range.count))
        }
        let count = random(2...9)
        var shapes = TensorShapes(inputs: [tensor("x", 8)], made: [:])
        var stages: [(inputs: [String], outputs: [String])] = []
        for stage in 0..<count {
            let outputs = (0..<random(1...3)).map { "t\(stage).\($0)" }
            for name in outputs { shapes.made[name] = tensor(name, random(1...2_000)) }
            let earlier = stages.flatMap(\.outputs)
            let inputs =
                stage == 0 ? ["x"] : Set((0..<random(1...3)).map { _ in earlier[random(0...earlier.count - 1)] })
            stages.append((Array(inputs), outputs))
        }
        let layout = TensorLayout(
            stages: stages, inputs: ["x"], outputs: stages[count - 1].outputs, shapes: shapes, jobs: 1)

        // Play the stages: what a stage reads must be what was written, whatever was written since.
        var memory = [String?](repeating: nil, count: layout.deviceBytes)
        var lane = [String?](repeating: nil, count: layout.laneBytes)
        var everything = 0
        for (number, stage) in layout.stages.enumerated() {
            for copy in stage.copiesIn {
                let slot = stage.inputs.first { $0.offset == copy.laneOffset }!
                if copy.memory == .device {
                    #expect(memory[copy.offset..<copy.offset + copy.bytes].allSatisfy { $0 == slot.name })
                }
                // Where jobs stay on the lane, it is there since the stage that the copy names.
                let isHeld = lane[slot.offset..<slot.offset + copy.bytes].allSatisfy { $0 == slot.name }
                #expect(isHeld == (copy.stage >= 0), "stage \(number)")
                for byte in slot.offset..<slot.offset + copy.bytes { lane[byte] = slot.name }
            }
            for slot in stage.outputs {
                for byte in slot.offset..<slot.offset + slot.bytesPerJob { lane[byte] = slot.name }
            }
            for copy in stage.copiesOut where copy.memory == .device {
                let slot = stage.outputs.first { $0.offset == copy.laneOffset }!
                #expect(copy.offset % TensorLayout.alignment == 0 && copy.stage == number)
                for byte in copy.offset..<copy.offset + copy.bytes { memory[byte] = slot.name }
                everything += TensorLayout.aligned(copy.bytes)
            }
            let later = Set(stages[(number + 1)...].flatMap(\.inputs))
            let made = Set(stages[...number].flatMap(\.outputs))
            #expect(stage.carried.count == made.intersection(later).count)
            for copy in stage.carried {
                let name = lane[copy.laneOffset]
                #expect(lane[copy.laneOffset..<copy.laneOffset + copy.bytes].allSatisfy { $0 == name })
                #expect(memory[copy.offset..<copy.offset + copy.bytes].allSatisfy { $0 == name })
                #expect(stages[copy.stage].outputs.contains(name ?? ""))
            }
            let slots = (stage.inputs + stage.outputs).sorted { $0.offset < $1.offset }
            for (slot, next) in zip(slots, slots.dropFirst()) {
                #expect(slot.offset + slot.bytesPerJob <= next.offset, "stage \(number)")
            }
        }
        #expect(layout.deviceBytes <= everything)
    }
}

@Suite("The memory bill")
struct MemoryBillTests {
    @Test("what fits is not refused; what does not is, with the whole bill")
    func refusal() {
        let bill = MemoryBill(weights: [44 << 20, 120 << 20], copies: 6, tasks: 3 << 30, lanes: 1 << 30)
        #expect(bill.total == (164 << 20) * 6 + (4 << 30))
        #expect(bill.refusal(free: bill.total) == nil)
        #expect(
            bill.refusal(free: 2 << 30)
                == "the task set needs 5.0 GiB of the 2.0 GiB that are free: 984 MiB of weights (164 MiB for each of 6 "
                + "lanes), 3.0 GiB between the stages of jobs, 1.0 GiB of tensors of the lanes; use fewer lanes, fewer "
                + "tasks or a smaller batch")
        #expect(bill.refusal(free: bill.total, working: 1)?.contains("1 bytes of working memory") == true)

        let express = MemoryBill(
            weights: [44 << 20, 120 << 20], copies: 6, expressWeights: [44 << 20], expressLanes: 2, tasks: 3 << 30,
            lanes: 1 << 30)
        #expect(express.total == bill.total + 2 * (44 << 20))
        #expect(
            express.refusal(free: 0)?.contains("for each of 6 lanes, 44.0 MiB for each of 2 express lanes)") == true)
    }
}
