//! What can be wrong with an allocator.

/// One way of breaking the contract; the engines of this test have one each, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    // regions, of bytes and pages
    AcceptsEnclosedRegion,
    AcceptsEnclosingRegion,
    AcceptsOverlapFromAbove,
    AcceptsOverlapFromBelow,
    SecondInit,
    TrimsBeforeComparing,
    WritesBehindRegion,
    // bytes
    AcceptsSameRegion,
    BlockAboveRegion,
    BlockBelowRegion,
    ChargesRest,
    CountsRequested,
    FailureCounts,
    ForgetsRegions,
    LargeAlignmentIgnored,
    LeaksOnFailure,
    NeverGivesBack,
    OverlappingBlocks,
    PanicsOnHugeLayout,
    ReallocFailureDamages,
    ReallocFailureFrees,
    ReallocLosesAlignment,
    ReallocLosesContents,
    RecycledNotZeroed,
    RefusesUnalignedRegion,
    ShrinkMoves,
    StaysAtHome,
    UsableTooLarge,
    WritesBelowBlock,
    WrongErrorWhenFull,
    // bytes and pages
    CountsTwice,
    // pages
    OnlyAlignedToLength,
    RoundsPosition,
    RunsCrossHoles,
    SinglePageUnaligned,
    TrimsOutward,
    ZeroPagesServed,
    // pages and ids
    AlignmentCappedByRun,
    DoubleFree,
    FixedTakenTwice,
    WrongFreeForgetsTail,
    WrongFreeFreesPart,
    // ids
    AllocatedBeyondRange,
    AllocatedForgetsTail,
    CountsOneMore,
    HandsOutBeyondRange,
    PanicsOnOverflow,
    RunsOverTaken,
    SingleIdUnaligned,
}
