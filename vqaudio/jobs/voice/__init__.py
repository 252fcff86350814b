"""Speech in a chosen voice: conversion, and samples of a prior."""
