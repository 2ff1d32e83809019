import Testing

@testable import DarisONNX

@Suite("The stage manifest")
struct StageManifestTests {
    private let manifest = StageManifest(
        model: "net",
        stages: [
            StageManifest.Entry(
                file: "stage0.onnx",
                interface: StageInterface(
                    index: 0, modelInputs: ["x"], carriedInputs: [], modelOutputs: ["a"], carriedOutputs: ["a", "b"],
                    nodes: ["n0", "n1"]), measuredMilliseconds: 1.25, bytesCarried: 640),
            StageManifest.Entry(
                file: "stage1.onnx",
                interface: StageInterface(
                    index: 1, modelInputs: ["x"], carriedInputs: ["a", "b"], modelOutputs: ["y"], carriedOutputs: [],
                    nodes: ["n2"]), bytesCarried: 0),
        ])

    @Test("it reads as what was written, in the documented form")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/stages.json"
        try manifest.write(path: path)
        #expect(try StageManifest.read(path: path) == manifest)
        let expected = """
            {
              "model" : "net",
              "stage_count" : 2,
              "stages" : [
                {
                  "bytes_carried" : 640,
                  "file" : "stage0.onnx",
                  "inputs" : [
                    "x"
                  ],
                  "measured_ms" : 1.25,
                  "nodes" : 2,
                  "outputs" : [
                    "a",
                    "b"
                  ]
                },
                {
                  "bytes_carried" : 0,
                  "file" : "stage1.onnx",
                  "inputs" : [
                    "x",
                    "a",
                    "b"
                  ],
                  "nodes" : 1,
                  "outputs" : [
                    "y"
                  ]
                }
              ]
            }

            """
        #expect(try manifest.json == expected)
    }

    @Test(
        "a broken manifest is refused with its name",
        arguments: [
            "", "[]", "{", "{\"model\": \"net\", \"stages\": []}",
            "{\"model\": \"net\", \"stage_count\": 3, \"stages\": []}",
        ])
    func broken(text: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stages.json", Array(text.utf8))
        let error = #expect(throws: ONNXError.self) { _ = try StageManifest.read(path: path) }
        #expect(error?.description.contains(path) == true)
        #expect(throws: ONNXError.self) { try StageManifest.read(path: folder.path) }
    }

    @Test("a time that is no number is not written")
    func notANumber() {
        var wrong = manifest
        wrong.stages[0].measuredMilliseconds = .nan
        #expect(throws: ONNXError.self) { try wrong.json }
    }
}
