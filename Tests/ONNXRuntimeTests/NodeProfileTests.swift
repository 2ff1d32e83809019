import Foundation
import Testing

@testable import ONNXRuntime

@Suite("Profiles")
struct NodeProfileTests {
    @Test("a profile has every operator with its type and the runs asked for")
    func measure() throws {
        let fixture = try Fixture.make()
        var options = SessionOptions()
        options.optimizationLevel = .none
        let nodes = try NodeProfile.measure(
            environment: fixture.environment, model: TestModels.dense, options: options,
            inputs: ["x": fixture.tensor([1, 0, 0, 1] as [Float], [2, 2])], warmUps: 2, repeats: 5)
        #expect(nodes.map(\.name) == ["product", "rectify"])
        #expect(nodes.map(\.operatorType) == ["MatMul", "Relu"])
        #expect(nodes.allSatisfy { $0.runs == 5 && $0.meanNanoseconds >= 0 })
    }

    @Test("the mean leaves the warm-ups out and keeps operators of the same name apart")
    func mean() throws {
        func event(_ index: Int, _ duration: Int) -> String {
            """
            {"cat": "Node", "dur": \(duration), "name": "n_kernel_time",
             "args": {"op_name": "Add", "node_index": "\(index)"}}
            """
        }
        let events = [event(0, 900), event(1, 1), event(0, 10), event(1, 2), event(0, 13), event(1, 3)]
        let session = #"{"cat": "Session", "dur": 5, "name": "model_run", "args": {}}"#
        let data = Data("[\((events + [session]).joined(separator: ","))]".utf8)
        let nodes = try NodeProfile.read(data, path: "p", skippingFirst: 1)
        #expect(nodes.map(\.meanNanoseconds) == [11_500, 2_500])
        #expect(nodes.map(\.runs) == [2, 2])
    }

    @Test("a file that is no profile is refused by its path")
    func unreadable() {
        let error = #expect(throws: ONNXRuntimeError.self) {
            try NodeProfile.read(Data("{".utf8), path: "/tmp/p.json", skippingFirst: 0)
        }
        #expect(error?.description.contains("/tmp/p.json") == true)
    }
}
